"""The public names: exactly these, each of them there, and none loaded before it is asked for."""

import subprocess
import sys
from importlib import import_module

import pytest

EXPORTED = {
    "splitfed_core": {
        "ALGORITHMS", "Algorithm", "CODECS", "CellConfig", "Dataset", "LocalFederation", "SplitModel", "TrainedCell",
        "UShapeModel", "build_model", "errors", "load_dataset", "partition", "split", "split_ushape", "train",
    },
    "analysis": {"FIGURES", "Choice", "Compared", "Results", "compare_runs", "load", "write_report"},
    "sfbench": {
        "ALGORITHMS", "CODECS", "CellConfig", "CellError", "Choice", "Compared", "ConfigError", "DataError", "Dataset",
        "FIGURES", "GridError", "LocalFederation", "METRICS", "NotARunError", "NotInstalledError", "Results",
        "SfbenchError", "SplitModel", "TrainedCell", "UShapeModel", "UsageError", "__version__", "build_model",
        "compare", "load", "load_dataset", "partition", "report", "split", "split_ushape", "sweep", "train",
    },
}  # fmt: skip
NAMES = [(package, name) for package, names in EXPORTED.items() for name in sorted(names)]


@pytest.mark.parametrize("package", EXPORTED)
def test_a_package_exports_exactly_these(package: str) -> None:
    module = import_module(package)
    assert set(module.__all__) == set(dir(module)) == EXPORTED[package]
    assert len(module.__all__) == len(EXPORTED[package])


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_every_exported_name_is_there(package: str, name: str) -> None:
    assert getattr(import_module(package), name) is not None


@pytest.mark.parametrize("package", EXPORTED)
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    script = (
        f"import sys, os, {package}\n"
        "heavy = {'tensorflow', 'keras', 'ray', 'grpc', 'flwr', 'pandas', 'matplotlib', 'numpy', 'scipy', 'pydantic'}\n"
        "heavy |= {'importlib.metadata'}\n"
        "assert heavy.isdisjoint(sys.modules), heavy & set(sys.modules)\n"
        "import splitfed_core\n"
        "assert os.environ['FLWR_TELEMETRY_ENABLED'] == '0'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize("package", EXPORTED)
def test_a_name_that_is_not_there_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'lod'"):
        import_module(package).lod  # noqa: B018  asking for it is the test


def test_names_mean_the_same_in_every_package() -> None:
    import analysis
    import sfbench
    import splitfed_core

    for package in (analysis, splitfed_core):
        for name in set(package.__all__) & set(sfbench.__all__):
            assert getattr(sfbench, name) is getattr(package, name)
    assert (sfbench.compare, sfbench.report) == (analysis.compare_runs, analysis.write_report)
