"""The live figures: a folder each, which can be deleted with only its own lesson and tests noticing."""

import importlib
import pkgutil

from anywidget import AnyWidget

from vae_lessons.figures.runtime.widget import LiveFigure as LiveFigure

__all__ = []
for _folder in pkgutil.iter_modules(__path__):
    if _folder.ispkg and _folder.name not in ("runtime", "engine"):
        _module = importlib.import_module(f"{__name__}.{_folder.name}.figure")
        for _figure in vars(_module).values():
            if isinstance(_figure, type) and issubclass(_figure, AnyWidget) and _figure.__module__ == _module.__name__:
                globals()[_figure.__name__] = _figure
                __all__.append(_figure.__name__)
