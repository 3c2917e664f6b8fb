"""What pydantic's error types mean, in the words of someone who writes a pipeline file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "bytes_type": "a string",
    "date_from_datetime_parsing": "a date, YYYY-MM-DD",
    "date_parsing": "a date, YYYY-MM-DD",
    "date_type": "a date, YYYY-MM-DD",
    "datetime_parsing": "a date and time, YYYY-MM-DDTHH:MM:SS",
    "decimal_parsing": "a number",
    "dict_type": "a mapping",
    "enum": "{expected}",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "frozen_set_type": "a list",
    "greater_than": "a value greater than {gt}",
    "greater_than_equal": "a value of at least {ge}",
    "int_from_float": "an integer, without a fraction",
    "int_parsing": "an integer",
    "int_parsing_size": "a smaller integer",
    "int_type": "an integer",
    "iterable_type": "a list",
    "less_than": "a value less than {lt}",
    "less_than_equal": "a value of at most {le}",
    "list_type": "a list",
    "literal_error": "{expected}",
    "mapping_type": "a mapping",
    "model_attributes_type": "a mapping",
    "model_type": "a mapping",
    "multiple_of": "a multiple of {multiple_of}",
    "none_required": "nothing (null)",
    "path_type": "a path",
    "set_type": "a list",
    "string_pattern_mismatch": "a string of the form {pattern}",
    "string_sub_type": "a string",
    "string_too_long": "a string of at most {max_length} characters",
    "string_too_short": "a string of at least {min_length} characters",
    "string_type": "a string",
    "time_delta_parsing": "a duration, such as 'PT1H30M'",
    "time_parsing": "a time, HH:MM:SS",
    "too_long": "at most {max_length} items",
    "too_short": "at least {min_length} items",
    "tuple_type": "a list",
    "union_tag_invalid": "one of {expected_tags}",
    "union_tag_not_found": "a mapping with the key {discriminator}",
    "url_parsing": "a URL",
    "url_type": "a URL",
}
"""After the word "expected"; names in braces come from the error's context."""

_NOUN_PHRASES = frozenset({"component_form", "stage_name"})
"""gantk's own error types, whose message is what was expected."""


def expectation(error_type: str, message: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Say what a pydantic error expected.

    Args:
        error_type: pydantic's `type`, such as `int_parsing`.
        message: pydantic's `msg`.
        context: pydantic's `ctx`.

    Returns:
        A phrase that follows "expected", and an empty string; or an empty string and a whole sentence.
    """
    template = _EXPECTED.get(error_type)
    if template is not None:
        phrase = template.format_map({key: _number(value) for key, value in context.items()})
        return ("1 item or more" if phrase == "at least 1 items" else phrase), ""
    if error_type in _NOUN_PHRASES:
        return message, ""
    match = re.match(r"Input should be (?:a valid |an instance of )?(.+)", message, re.DOTALL)
    if match and error_type not in ("value_error", "assertion_error"):
        return match[1], ""
    if error_type in ("value_error", "assertion_error"):
        message = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return "", message.strip().rstrip(".") or "expected a valid value"


def _number(value: Any) -> Any:
    """Write a bound such as 0.0 without the fraction it does not have."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
