"""A plugin of coverage that saves as it goes what was measured: Ray ends a cell's processes without a last word."""

import threading
from importlib import import_module

EVERY_S = 1.0


def coverage_init(registry: object, options: dict[str, str]) -> None:
    """Begin to save, in a thread that keeps no process alive; coverage calls this in every process that it measures."""
    threading.Thread(target=_save, name="saving-coverage", daemon=True).start()


def _save() -> None:
    measured = import_module("coverage").Coverage  # by name: only `nox -s coverage` needs it installed
    while True:
        threading.Event().wait(EVERY_S)
        if running := measured.current():
            running.save()
