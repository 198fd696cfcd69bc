"""Whether a task can be called with the arguments that somebody sent."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any

from recurring_jobs.exceptions import InvalidArgumentError, did_you_mean

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

#: Which values that JSON can carry an annotation takes. What is not listed takes any.
_JSON_TYPES: dict[type, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (int, float),
    list: (list,),
    tuple: (list,),
    set: (list,),
    dict: (dict,),
    Sequence: (list, str),
    Mapping: (dict,),
    NoneType: (NoneType,),
}


def check_arguments(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """
    Raise InvalidArgumentError, naming the argument, where *task* cannot take what is given.

    Checks number and names, and the plain types (str, int, list of int, one or None) of
    the annotations of ``task.run``. Values never show in the message: they may be secret.
    """
    parameters = inspect.signature(task.run).parameters
    given = dict(_by_position(task.name, parameters, args))
    for name in kwargs:
        _check_name(task.name, parameters, name, given)
    _check_missing(task.name, parameters, {*given, *kwargs})
    hints = _hints(task.run)
    for name, value in {**given, **kwargs}.items():
        if name in hints and name in parameters and not _takes(hints[name], value):
            problem = f"must be {_words(hints[name])}, not {type(value).__name__}."
            raise InvalidArgumentError(task.name, name, problem)


def _by_position(
    task: str, parameters: Mapping[str, inspect.Parameter], args: Sequence[Any]
) -> list[tuple[str, Any]]:
    names = [name for name, each in parameters.items() if each.kind in _POSITIONAL]
    takes_more = any(each.kind is each.VAR_POSITIONAL for each in parameters.values())
    if len(args) > len(names) and not takes_more:
        problem = f"is one too many: the task takes {len(names)} by position."
        raise InvalidArgumentError(task, f"args[{len(names)}]", problem)
    return list(zip(names, args, strict=False))


def _check_name(
    task: str, parameters: Mapping[str, inspect.Parameter], name: str, given: Mapping[str, Any]
) -> None:
    known = [each.name for each in parameters.values() if each.kind in _NAMED]
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    if name in known and name in given:
        raise InvalidArgumentError(task, name, "is given twice, by position and by name.")
    if name not in known and not takes_any:
        near = did_you_mean(name, known)
        raise InvalidArgumentError(task, name[:80], f"is not known.{near}")


def _check_missing(task: str, parameters: Mapping[str, inspect.Parameter], given: set[str]) -> None:
    for name, each in parameters.items():
        is_needed = each.default is each.empty and each.kind in (*_POSITIONAL, *_NAMED)
        if is_needed and name not in given:
            raise InvalidArgumentError(task, name, "is missing.")


def _hints(run: Any) -> dict[str, Any]:
    function = inspect.unwrap(getattr(run, "__func__", run))
    try:
        return typing.get_type_hints(getattr(function, "__func__", function))
    except (NameError, TypeError, AttributeError):  # names that only type checkers see
        return {}


def _takes(hint: Any, value: object) -> bool:
    origin = typing.get_origin(hint) or hint
    inner = typing.get_args(hint)
    if origin in (typing.Union, UnionType):
        return any(_takes(each, value) for each in inner)
    if origin is typing.Literal:
        return any(type(value) is type(each) and value == each for each in inner)
    if not isinstance(origin, type) or origin not in _JSON_TYPES:
        return True
    if isinstance(value, bool) and origin in (int, float):
        return False
    if not isinstance(value, _JSON_TYPES[origin]):
        return False
    if isinstance(value, list) and origin in (list, set, Sequence) and inner:
        return all(_takes(inner[0], each) for each in value)
    if isinstance(value, dict) and len(inner) == 2:
        return all(_takes(inner[1], each) for each in value.values())
    return True


def _words(hint: Any) -> str:
    if typing.get_origin(hint) in (typing.Union, UnionType):
        return " or ".join(_words(each) for each in typing.get_args(hint))
    if hint is NoneType:
        return "None"
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
