"""SQL functions that each dialect spells in its own way."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from signotaur_keyserver.domain.schema import UtcDateTime


class database_now(FunctionElement[datetime]):  # noqa: N801 - it reads as an SQL function
    """The database's clock at this statement, to the millisecond."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(_element: object, _compiler: object, **_options: object) -> str:
    # The stored form has six decimals; SQLite gives three.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


@compiles(database_now, "postgresql")
def _postgresql_now(_element: object, _compiler: object, **_options: object) -> str:
    # now() is when the transaction began: before it waited for a lock, so before the changes
    # that it then sees.
    return "date_trunc('milliseconds', clock_timestamp())"


class joined_text(FunctionElement[str]):  # noqa: N801
    """All values of a text column in one text, with commas between; NULL when there is none.

    SQLAlchemy's own aggregate_strings does the same, but is compiled again at every execution.
    """

    type = String()
    inherit_cache = True


@compiles(joined_text, "sqlite")
def _sqlite_joined_text(element: joined_text, compiler: SQLCompiler, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)}, ',')"


@compiles(joined_text, "postgresql")
def _postgresql_joined_text(element: joined_text, compiler: SQLCompiler, **options: Any) -> str:
    return f"string_agg({compiler.process(element.clauses, **options)}, ',')"
