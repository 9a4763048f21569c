import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.ledger.ledger import Ledger, LedgerError
from observability.ledger.stores.postgres import Postgres
from observability.ledger.stores.selection import ledger_at
from observability.ledger.stores.store_retry import StoreRetry
from observability.ledger.stores.store_url import parse_store_url
from observability.settings import ObservabilitySettings

SECRET = "s3cr3tpassw0rd"


TEXT = st.text(st.characters(codec="utf-8"))


@given(TEXT, TEXT, TEXT.filter(bool))
def test_every_user_password_and_database_can_be_written(
    user: str, password: str, database: str
) -> None:
    def escaped(text: str) -> str:
        return "".join(f"%{byte:02x}" for byte in text.encode())

    address = parse_store_url(
        f"postgresql://{escaped(user)}:{escaped(password)}@h:1/{escaped(database)}"
    )
    assert (address.user, address.password, address.database) == (user, password, database)


def test_an_address_is_shown_without_its_password_and_options() -> None:
    address = parse_store_url(
        f"postgresql://me:{SECRET}@[::1]:5433/usage?sslmode=require&password={SECRET}"
    )
    assert address.shown == "postgresql://me@[::1]:5433/usage"
    assert address.options["sslmode"] == "require"
    assert SECRET not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}/x@host/usage",
        f"postgresql://me:{SECRET}#x@host/usage",
        f"postgresql://me:{SECRET}?x@host/usage",
        f"postgresql://me:{SECRET}[x@host/usage",
        f"postgresql://me:{SECRET}@host:port{SECRET}/usage",
        f"postgresql://me:{SECRET}@host",
        f"postgresql:me:{SECRET}@host/usage",
        f"mysql://me:{SECRET}@host/usage",
        f"me:{SECRET}@host/usage",
        f"postgresql//me:{SECRET}@host/usage",
        f"//me:{SECRET}@host/usage",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="postgresql://user:password@host") as refused:
        ledger_at(url)
    assert SECRET not in str(refused.value)
    assert SECRET not in repr(refused.value.__cause__)


def test_quotes_that_an_environment_file_left_are_not_part_of_a_url() -> None:
    ledger = ledger_at(f' "postgresql://me:{SECRET}@host/usage" ')
    assert ledger.store.name == "postgresql://me@host/usage"


def test_an_unknown_store_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"no store for mysql: .* DuckDB file.*postgresql://"):
        ledger_at("mysql://root@localhost/usage")


@pytest.mark.parametrize(
    ("url", "module", "library", "package"),
    [
        ("postgresql://host/usage", "postgres", "psycopg", "psycopg[binary]"),
        ("clickhouse://host/usage", "clickhouse", "clickhouse_connect", "clickhouse-connect"),
    ],
)
def test_a_store_whose_library_is_missing_says_what_to_install(
    url: str, module: str, library: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"observability.ledger.stores.{module}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(LedgerError, match=re.escape(f"pip install '{package}'")):
        ledger_at(url)


def test_a_password_is_not_in_the_settings_as_they_are_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SWITCHGEAR_LEDGER", f"postgresql://me:{SECRET}@host/usage")
    assert SECRET not in repr(ObservabilitySettings())
    assert SECRET not in str(ObservabilitySettings())


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    address = parse_store_url(f"postgresql://me:{SECRET}@127.0.0.1:1/usage?password={SECRET}")
    ledger = Ledger(Postgres(address, StoreRetry(wait_s=0)))
    with pytest.raises(LedgerError, match=r"postgresql://me@127\.0\.0\.1:1/usage") as away:
        ledger.totals()
    assert SECRET not in str(away.value)
