"""A plugin of coverage that saves as it goes what was measured: Ray ends a cell's processes without a last word."""

import threading
from typing import TYPE_CHECKING

import coverage

if TYPE_CHECKING:
    from coverage.plugin_support import Plugins
    from coverage.types import TConfigurable

EVERY_S = 1.0


def coverage_init(registry: "Plugins", options: dict[str, str]) -> None:
    """Begin to save, in every process that is measured."""
    registry.add_configurer(_Saver())


class _Saver(coverage.CoveragePlugin):
    """Saves in a thread of its own, which is not measured and keeps no process alive."""

    def configure(self, config: "TConfigurable") -> None:
        """Start the thread; coverage asks for this once, when it reads its settings."""
        threading.Thread(target=_save, name="saving-coverage", daemon=True).start()


def _save() -> None:
    while True:
        threading.Event().wait(EVERY_S)
        if running := coverage.Coverage.current():
            running.save()
