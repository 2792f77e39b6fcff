"""What a model is: all that decides what training makes of it, told alike in every kernel.

What this package or a library holds goes by its name; the cache adds the package's source and torch's version. What
somebody wrote elsewhere, in a notebook for example, goes by what it does: a function by its compiled code, its defaults
and the values that it takes from outside, a class by its bases and all that it holds, an object by what pickle would
make it of.
"""

import copyreg
import dis
import functools
import hashlib
import importlib
import json
import re
import sys
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from safetensors.torch import save
from torch import Tensor, nn

from vae_lessons.data import ImageData

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
ATOMS = (type(None), type(...), bool, int, float, complex, str)
VALUES = (tuple, frozenset, bytes)  # of which two that are equal may or may not be one object
# What every module has. Of it, the mode is `fit`'s to set, and hooks for saving and loading change no training.
MACHINERY = set(vars(nn.Module()))
HELD = ("_parameters", "_buffers", "_modules")
HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
LIBRARIES = sys.stdlib_module_names | {"torch"}  # and all that lies in a folder of this name:
INSTALLED = {"site-packages", "dist-packages"}
TAKES_A_GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}


def identity(model: nn.Module) -> dict[str, str]:
    """What tells a model from others, as JSON has it: its class, its structure, and a digest of all that it is.

    That is its weights, its attributes and those of its parts, and what its classes do, as far as they are not of a
    library. Raises TypeError, naming it, for what cannot be told from others, such as a lock or an open file.
    """
    definition = json.dumps(_described(model, {}, ()))
    return {
        "model": type(model).__qualname__,
        "structure": ADDRESS.sub("", repr(model)),
        "definition": hashlib.sha256(definition.encode()).hexdigest(),
    }


def _described(value: Any, seen: dict[int, tuple[int, Any]], names: tuple[str, ...]) -> str | list:
    """`value` as JSON has it. `seen` are the objects met so far, `names` those that led here."""
    kind = type(value)
    if kind in ATOMS:
        return f"{kind.__name__} {value!r}"
    if id(value) in seen:
        return f"again {seen[id(value)][0]}"
    if kind not in VALUES:
        seen[id(value)] = len(seen), value  # which keeps it alive: nothing else gets its id
    if kind in (tuple, list):
        parts = [_described(part, seen, names) for part in value]
    elif kind in (set, frozenset):  # in no order; and so what one has seen must be nothing to the next
        parts = sorted(json.dumps(_described(part, dict(seen), names)) for part in value)
    elif kind is dict:
        parts = [[_described(key, seen, names), _described(value[key], seen, (*names, str(key)))] for key in value]
    else:
        parts = [_described(_parts_or_refusal(value, names), seen, names)]
    return [kind.__name__, *parts]


def _parts_or_refusal(value: Any, names: tuple[str, ...]) -> tuple:
    try:
        return _parts(value)
    except Exception as error:  # whatever an object of somebody else's raises
        place = " in ".join(reversed(names)) or "model"
        raise TypeError(
            f"model cannot be told from others, and so cannot be kept: {place} is a {type(value).__name__} ({error}). "
            "Use numbers, strings, tensors, functions or simple objects there; or take fit, which keeps nothing"
        ) from error


@functools.singledispatch
def _parts(value: Any) -> tuple:
    """What an object is made of."""
    reduce = copyreg.dispatch_table.get(type(value))
    reduced = reduce(value) if reduce else value.__reduce_ex__(4)
    if isinstance(reduced, str):  # the name of something global
        return getattr(value, "__module__", None), reduced, getattr(value, "__wrapped__", None)
    return tuple(list(part) if hasattr(part, "__next__") else part for part in reduced)


@_parts.register
def _of_model(module: nn.Module) -> tuple:
    plain = {name: value for name, value in vars(module).items() if name not in MACHINERY}
    if _is_of_library(type(module).__module__):  # which may hold what it has computed, under private names
        plain = {name: value for name, value in plain.items() if not name.startswith("_")}
    hooks = [list(vars(module)[hooks].values()) for hooks in HOOKS]
    return type(module), _sorted(plain), *(dict(vars(module)[held]) for held in HELD), hooks


@_parts.register
def _of_tensor(tensor: Tensor) -> tuple:
    content = save({"": tensor.detach().cpu().contiguous()})
    hooks = [list((hooks or {}).values()) for hooks in (tensor._backward_hooks, tensor._post_accumulate_grad_hooks)]
    return hashlib.sha256(content).hexdigest(), tensor.requires_grad, hooks


@_parts.register
def _of_data(data: ImageData) -> tuple:
    return (data.fingerprint,)


@_parts.register
def _of_bytes(content: bytes) -> tuple:
    return (hashlib.sha256(content).hexdigest(),)


@_parts.register
def _of_class(cls: type) -> tuple:
    name = f"{cls.__module__}.{cls.__qualname__}"
    if _is_of_library(cls.__module__):
        return (name,)
    held = {key: value for key, value in vars(cls).items() if key != "_abc_impl" and not _is_about_source(key, value)}
    return name, cls.__bases__, _sorted(held)


def _is_about_source(key: str, value: Any) -> bool:
    """Where a class stands, and what it says of itself: all between double underscores but its methods."""
    is_method = isinstance(value, FunctionType | classmethod) and not key.startswith("__annotate")
    return key.startswith("__") and key.endswith("__") and not is_method


@_parts.register
def _of_function(function: FunctionType) -> tuple:
    code, scope = function.__code__, function.__globals__
    cells = zip(code.co_freevars, function.__closure__ or (), strict=True)
    closure = {name: cell.cell_contents for name, cell in cells}
    if not _is_somebodys(scope.get("__name__", "")):
        return scope["__name__"], code.co_qualname, closure
    attributes = _names(code)
    outside = {name: scope[name] for name in sorted(_taken_from(code, TAKES_A_GLOBAL)) if name in scope}
    imported = {name: _imported(name) for name in sorted(_taken_from(code, {"IMPORT_NAME"}))}
    taken = {name: _looked_into(value, attributes) for name, value in (outside | closure | imported).items()}
    return code, function.__defaults__, function.__kwdefaults__, vars(function), taken


@_parts.register
def _of_code(code: CodeType) -> tuple:
    """What it does, and not where it stands."""
    arguments = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    return arguments, code.co_names, code.co_varnames, code.co_code, code.co_exceptiontable, code.co_consts


@_parts.register
def _of_file(module: ModuleType) -> tuple:
    if _is_somebodys(module.__name__):
        raise TypeError("a file of your own; import from it what you use")
    return (module.__name__,)


@_parts.register(property)
@_parts.register(classmethod)
@_parts.register(staticmethod)
@_parts.register(functools.cached_property)
@_parts.register(MethodType)
def _of_wrapped(wrapper: Any) -> tuple:
    return tuple(getattr(wrapper, name, None) for name in ("fget", "fset", "fdel", "func", "__func__", "__self__"))


def _imported(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:  # the function may have something else for that case
        return None


def _looked_into(value: Any, attributes: set[str]) -> Any:
    """Of a file of somebody's own, what of it is used."""
    if not (isinstance(value, ModuleType) and _is_somebodys(value.__name__)):
        return value
    return _sorted({name: vars(value)[name] for name in attributes if name in vars(value)})


def _names(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(_names(part) for part in _nested(code)))


def _taken_from(code: CodeType, instructions: set[str]) -> set[str]:
    """The names that these instructions have."""
    own = {step.argval for step in dis.get_instructions(code) if step.opname in instructions}
    return own.union(*(_taken_from(part, instructions) for part in _nested(code)))


def _nested(code: CodeType) -> list[CodeType]:
    return [part for part in code.co_consts if isinstance(part, CodeType)]


def _sorted(values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in sorted(values)}


def _is_somebodys(module: str) -> bool:
    """Whether this is a notebook, or a file of the reader's."""
    return not _is_ours(module) and not _is_of_library(module)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "vae_lessons"


def _is_of_library(module: str) -> bool:
    top = module.partition(".")[0]
    if top == "__main__" or _is_ours(top):  # wherever these lie
        return False
    file = getattr(sys.modules.get(top), "__file__", None) or ""
    return top in LIBRARIES or bool(INSTALLED & set(Path(file).parts))
