"""The name of an algorithm as the type of a parameter: any that is registered by the time it is asked for."""

from typing import Annotated, Any

from pydantic import GetJsonSchemaHandler, PlainValidator
from pydantic_core import CoreSchema, PydanticCustomError

from splitfed_core.algorithms import ALGORITHMS


def _registered(name: object) -> str:
    if isinstance(name, str) and name in ALGORITHMS:
        return name
    *names, last = map(repr, ALGORITHMS)
    raise PydanticCustomError(
        "unknown_algorithm", "Input should be {names} or {last}", {"names": ", ".join(names), "last": last}
    )


class _Names:
    """Lists the registered names in a JSON schema."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"enum": list(ALGORITHMS), "type": "string"}


AlgorithmName = Annotated[str, PlainValidator(_registered), _Names()]
