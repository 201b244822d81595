"""Where Dagster keeps its own records: SQLite on a laptop, PostgreSQL where its URL is set."""

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from monitoring_dagster.store.ledger.database import LedgerUnavailable, address

_KEPT_OPEN = 4  # SQLite files: the index of all events, the run at work, and a few just looked at


class EitherStorage(DagsterStorage, ConfigurableClass):
    """What `dagster.yaml` names; it becomes one of Dagster's own two storages.

    ``MONITORING_POSTGRES_URL`` chooses PostgreSQL, and LedgerUnavailable or WrongAddress is raised
    where it leads nowhere. Without it SQLite files lie under
    ``.monitoring/dagster`` of ``DAGSTER_HOME``.
    """

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "DagsterStorage[Any]":
        url = os.environ.get("MONITORING_POSTGRES_URL")
        if not url:
            home = Path(os.environ.get("DAGSTER_HOME") or Path.cwd())
            folder = home / ".monitoring" / "dagster"
            return QuickSqliteStorage.from_local(str(folder), inst_data=inst_data)
        from dagster_postgres import DagsterPostgresStorage
        from dagster_postgres.utils import DagsterPostgresException
        from sqlalchemy.exc import DBAPIError

        place = address(url, known=["postgresql"])
        named = place.render_as_string(hide_password=False)
        try:
            storage: DagsterStorage[Any] = DagsterPostgresStorage(named, inst_data=inst_data)
        except (DagsterPostgresException, DBAPIError) as error:  # after some seconds of trying
            raise LedgerUnavailable.at(place, error.__cause__ or error) from error
        return storage


class QuickSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage with an event log that keeps its files open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = QuickEventLog(str(Path(base_dir) / "history" / "runs"))


class QuickEventLog(SqliteEventLogStorage):
    """Dagster's event log, which opens and closes its files for every single event, without that.

    A run over many days writes an event for each day, asset and check, and this is several times
    quicker (``benchmarks/event_log.py``). Commits do not wait for the disk
    (``synchronous=NORMAL``): in SQLite's WAL mode the newest events may be lost in a power cut,
    never in a crash of the process.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Any] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Any]:
        with self._db_lock:
            engine = self._engine(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Any:
        from sqlalchemy import create_engine, event

        if shard in self._engines:
            self._engines.move_to_end(shard)
            return self._engines[shard]
        engine = create_engine(
            self.conn_string_for_shard(shard), pool_size=1, connect_args={"timeout": 60}
        )
        event.listen(engine, "connect", _do_not_wait_for_the_disk)
        self._initdb(engine)
        self._engines[shard] = engine
        while len(self._engines) > _KEPT_OPEN:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def dispose(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()
        super().dispose()


def _do_not_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")
