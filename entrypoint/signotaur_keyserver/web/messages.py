"""One dataclass for a form, a JSON body and their description: read here, field by field.

Fields may be ``str``, ``bool``, ``int``, each of them ``| None``, and tuples of ``str`` or ``int``.
Names are in camelCase outside. Nothing here repeats a value that the client sent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from signotaur_keyserver.api.schemas import camel
from signotaur_keyserver.domain import refusals
from signotaur_wire.members import Json, format_time

T = TypeVar("T")

_LARGEST = 2**31 - 1
"""Of an INTEGER column."""
_MISSING = "This is missing."
_NUMBER = "This is not a number."
_TEXT = "This is not text."
_CHOICE = "This is not true or false."
_LIST = "This is not a list."


class _FieldError(Exception):
    """One field is not valid; the message says why."""


def from_json(message: type[T], data: object) -> T:
    """Read a JSON body. Raises RefusedError that names the members at fault."""
    if not isinstance(data, dict):
        raise refusals.malformed(422, "The body is not a JSON object.")
    known = {camel(field.name) for field in fields(_dataclass(message))}
    if not data.keys() <= known:
        raise refusals.malformed(422, "The body has a member that is not known.")

    def read(field: Field[Any], hint: Any) -> object:
        name = camel(field.name)
        return _from_json(hint, data[name]) if name in data else _default(field)

    return _build(message, read)


def from_form(message: type[T], pairs: Sequence[tuple[str, str]]) -> T:
    """Read the fields of a form or a query. Raises RefusedError that names the fields at fault.

    A tuple of texts is several fields of one name, or one on each line.
    """
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)

    def read(field: Field[Any], hint: Any) -> object:
        return _from_texts(hint, given.get(camel(field.name), []), field)

    return _build(message, read)


def to_form(message: object) -> Mapping[str, object]:
    """Return what the fields of a form show of a message: nothing for None, lines for a tuple."""
    return {camel(f.name): _shown(getattr(message, f.name)) for f in fields(_dataclass(message))}


def to_json(answer: object) -> Any:
    """Return an answer's dataclass as JSON: camelCase names, times as on the wire."""
    if is_dataclass(answer):
        return {camel(f.name): to_json(getattr(answer, f.name)) for f in fields(answer)}
    if isinstance(answer, datetime):
        return format_time(answer)
    if isinstance(answer, Enum):
        return answer.value
    if isinstance(answer, Mapping):
        return dict(answer)
    if isinstance(answer, Sequence) and not isinstance(answer, str):
        return [to_json(part) for part in answer]
    return answer


def field_refusal(field: str, fault: Exception) -> refusals.RefusedError:
    """Return the refusal that names the field at fault, and says the fault as a sentence."""
    text = str(fault)
    return refusals.invalid_fields({camel(field): f"{text[:1].upper()}{text[1:]}."})


def _build(message: type[T], read: Callable[[Field[Any], Any], object]) -> T:
    hints = get_type_hints(message)
    values: Json = {}
    faults = {}
    for field in fields(_dataclass(message)):
        try:
            values[field.name] = read(field, hints[field.name])
        except _FieldError as error:
            faults[camel(field.name)] = str(error)
    if faults:
        raise refusals.invalid_fields(faults)
    return message(**values)


def _shown(value: object) -> object:
    if isinstance(value, tuple):
        return "\n".join(map(str, value))
    return "" if value is None else value


def _dataclass(message: object) -> Any:
    return message


def _default(field: Field[Any]) -> object:
    if field.default is MISSING:
        raise _FieldError(_MISSING)
    return field.default


def _from_json(hint: Any, value: object) -> object:
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise _FieldError(_LIST)
        return tuple(_from_json(get_args(hint)[0], part) for part in value)
    if NoneType in get_args(hint) and value is None:
        return None
    scalar = _scalar(hint)
    if scalar is str:
        return _text(value)
    if scalar is bool:
        if not isinstance(value, bool):
            raise _FieldError(_CHOICE)
        return value
    # JSON has one kind of number: 5.0 is 5.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise _FieldError(_NUMBER)
    return value


def _from_texts(hint: Any, texts: Sequence[str], field: Field[Any]) -> object:
    if get_origin(hint) is tuple:
        if get_args(hint)[0] is int:
            return tuple(map(_number, texts))
        lines = (line.strip() for text in texts for line in text.split("\n"))
        return tuple(_text(line) for line in lines if line)
    scalar = _scalar(hint)
    if scalar is bool:
        return bool(texts)
    given = texts[-1] if texts else ""
    if NoneType in get_args(hint) and not given:
        return None
    if scalar is str:
        return _text(given) if given or field.default is MISSING else field.default
    return _number(given) if given else _default(field)


def _scalar(hint: Any) -> Any:
    return next((part for part in get_args(hint) if part is not NoneType), hint)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _FieldError(_TEXT)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _FieldError(_TEXT) from None
    if "\0" in value:
        raise _FieldError(_TEXT)
    return value


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:11]) <= _LARGEST):
        raise _FieldError(_NUMBER)
    return int(text)
