"""The settings of the service: one frozen table, read from the environment (``PARTIALPOOL_*``)."""

from __future__ import annotations

from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from service.secret_files import FileSource

PREFIX = "PARTIALPOOL_"
MIB = 1024 * 1024

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Days = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Quota = Annotated[int, Field(ge=0)]


def _root(given: object) -> str:
    """Return a root as it is named: a directory, or a prefix of a bucket."""
    text = str(given)
    scheme, _, rest = text.partition("://")
    if "://" in text and (scheme != "s3" or {"", ".", ".."} & set(rest.rstrip("/").split("/"))):
        raise ValueError("a root is a directory or s3://bucket/prefix")
    return text


Root = Annotated[str, BeforeValidator(_root)]


class Settings(BaseSettings):
    """Every setting, its default and its meaning; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    auth: Literal["auto", "keys", "off"] = Field(
        "auto",
        description="Who may ask: `keys` lets in who has an API key, `off` everyone; `auto` is "
        "`off` where only this machine can ask (a loopback address), else `keys`, and then there "
        "must be one.",
    )
    data_dir: Path = Field(
        Path("var"), description="Directory of the embedded catalog and blobs; made when missing."
    )
    catalog_url: str = Field(
        "sqlite:///{data_dir}/catalog.db",
        description="URL of the catalog (`postgresql://user:password@host/name` for a fleet); "
        "`{data_dir}` stands for the data directory.",
    )
    blobs_url: str = Field(
        "file://{data_dir}/blobs",
        description="URL of the object store (`s3://bucket/folder`, its credentials in `AWS_*`); "
        "`{data_dir}` stands for the data directory.",
    )
    sync_files: bool = Field(
        True,
        description="Answer once the disk has what is kept: a power cut loses nothing. Without, it "
        "may lose the last moments. For the embedded catalog and a directory of files.",
    )
    data_roots: dict[str, Root] = Field(
        {},
        description="Directories, and prefixes of buckets, whose files may be registered as "
        'datasets, by name, as JSON: `{"survey": "/srv/survey", "lake": "s3://bucket/lake"}`; '
        "credentials of buckets are in `AWS_*`.",
    )
    bundled_data: bool = Field(
        True,
        description="Keep the radon survey as the datasets `minnesota-radon` and `us-radon`.",
    )
    admin_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port on which `/metrics`, `/healthz` and `/readyz` are answered, and then "
        "`/metrics` only there; empty: on the port of the service.",
    )
    admin_host: str = Field("127.0.0.1", description="Address that the admin port listens on.")
    traces_url: str | None = Field(
        None,
        description="OTLP endpoint over HTTP that traces are sent to, such as "
        "`http://collector:4318/v1/traces`; empty: there are no traces.",
    )
    access_log: bool = Field(False, description="Write one JSON line for every request answered.")
    start_seconds: Seconds = Field(
        60,
        description="How long the service waits, when it starts, for a catalog or a store that "
        "does not answer; then it ends.",
    )
    shutdown_seconds: Count = Field(
        20, description="How long requests under way may take to finish after a signal to stop."
    )
    keep_alive_seconds: Count = Field(
        75,
        description="How long a connection without requests stays open: longer than clients and "
        "proxies keep theirs, lest one sends a request on a connection that is being closed.",
    )
    fit_threads: int = Field(
        0, ge=0, description="How many fits may run at a time; 0 means one for each processor."
    )
    thread_seconds: Seconds = Field(
        1, description="How long a fit may take in a thread before it goes to a worker process."
    )
    wait_seconds: Seconds = Field(
        20, description="How long a request waits for what takes long before it gets a job."
    )
    worker_processes: int = Field(
        2,
        ge=0,
        description="How many processes do jobs, one each; 0 means one for each processor.",
    )
    worker_threads: Count = Field(
        1, description="How many threads the linear algebra of a worker process uses."
    )
    worker_memory_bytes: int = Field(
        8192 * MIB,
        ge=2048 * MIB,
        description="Memory (address space) of a worker process, in bytes; libraries and threads "
        "take about 1.5 GiB of it before there is work.",
    )
    compute: str = Field(
        "",
        description="Where long work is done: empty for worker processes of this machine, else a "
        "Dask cluster by the address of its scheduler (`tcp://scheduler:8786`, `tls://...`) or the "
        "path of its scheduler file.",
    )
    ready_without_compute: bool = Field(
        False,
        description="Answer `/readyz` with 200, and say `lost` of the part, also while no long "
        "work can be done, or no plot be drawn: reading, predictions and small fits go on without.",
    )
    compute_tls_ca: str = Field(
        "", description="File of the authority that signed the certificates of a `tls://` cluster."
    )
    compute_tls_cert: str = Field(
        "", description="File of the certificate that this process shows to the cluster."
    )
    compute_tls_key: str = Field("", description="File of the key of that certificate.")
    cluster_jobs: Count = Field(
        8, description="How many jobs one process of the service has under way on a cluster."
    )
    cluster_part_rows: Count = Field(
        1_000_000,
        description="On a cluster a table is read in parts of at least so many rows, one a task.",
    )
    plot_processes: Count = Field(1, description="How many processes draw plots.")
    plot_memory_bytes: int = Field(
        4096 * MIB, ge=1024 * MIB, description="Memory of a process that draws, in bytes."
    )
    plot_seconds: Seconds = Field(
        30, description="How long the drawing of one plot may take.", gt=0
    )
    max_waiting_plots: Count = Field(
        32, description="Most plots of one owner that wait to be drawn at a time."
    )
    plot_cache_bytes: Count = Field(
        32 * MIB, description="Memory for plots that were asked for last, in bytes."
    )
    job_seconds: Seconds = Field(
        3600, description="How long a job may run; then it has failed.", gt=0
    )
    job_stale_seconds: Seconds = Field(
        10,
        gt=1,
        description="A running job that its process has said nothing of for so long begins again.",
    )
    job_retention_seconds: Seconds = Field(
        7 * 86_400, description="How long a finished job can be read."
    )
    dataset_unused_days: Days = Field(
        0, description="A dataset that was not used for so many days is deleted; 0 for never."
    )
    model_unused_days: Days = Field(
        0, description="A model that was not used for so many days is deleted; 0 for never."
    )
    max_owner_bytes: Quota = Field(
        0, description="Most bytes of files of one owner's datasets and models; 0 for no limit."
    )
    max_owner_datasets: Quota = Field(0, description="Most datasets of one owner; 0 for no limit.")
    max_owner_models: Quota = Field(0, description="Most models of one owner; 0 for no limit.")
    idempotency_seconds: Seconds = Field(
        86_400, description="How long the answer to a request with an `Idempotency-Key` is kept."
    )
    sweep_seconds: Seconds = Field(
        600, description="How often what is no longer needed is swept, in the background.", gt=0
    )
    sweep_grace_seconds: Seconds = Field(
        3600,
        ge=60,
        description="A file that no row speaks of is swept when it is so old.",
    )
    max_jobs: Count = Field(
        100, description="Most jobs of one owner that are queued or running at a time."
    )
    rate_units: int = Field(
        60_000,
        ge=0,
        description="Units of work that one key, or one address, may ask for in a minute: about "
        "milliseconds of a processor. 0 means any number. Not counted where only this machine can "
        "ask and no key is needed.",
    )
    rate_store: str = Field(
        "async+memory://",
        description="URL of what counts the units, as `limits` has it: `async+memory://` for each "
        "process, `async+redis://host` or `async+valkey://host` for all that share it. While it "
        "does not answer, each process counts for itself.",
    )
    max_concurrent_requests: Count = Field(
        100, description="Most requests of one key, or one address, under way at a time."
    )
    cors_origins: str = Field(
        "",
        description="Origins whose pages may ask from a browser, with commas between; `*` for all.",
    )
    hsts_seconds: int = Field(
        0,
        ge=0,
        description="How long browsers shall ask by https only; 0 where it is not served by https.",
    )
    model_cache_bytes: Count = Field(
        256 * MIB, description="Memory for fitted models that were used last, in bytes."
    )
    max_body_bytes: Count = Field(64 * MIB, description="Largest request body, in bytes.")
    max_json_bytes: Count = Field(
        8 * MIB, description="Largest JSON body of a fit or a prediction, in bytes."
    )
    max_rows: Count = Field(20_000_000, description="Most rows of an uploaded table.")
    max_dataset_rows: Count = Field(
        10_000_000_000, description="Most rows of a dataset that grows by parts."
    )
    max_registered_files: int = Field(
        500, ge=1, le=10_000, description="Most files of a registered dataset."
    )
    max_registered_bytes: Count = Field(
        64 * 1024 * MIB,
        description="Most bytes of a registered dataset whose files are copied to be read: files "
        "of a bucket, and those that are not Parquet.",
    )
    max_decoded_bytes: Count = Field(
        1024 * MIB, description="Largest uploaded table once decompressed and decoded, in bytes."
    )
    max_expansion: Count = Field(
        200,
        description="How many times as large as itself a gzip upload may become, beyond 64 MiB.",
    )
    max_document_bytes: Count = Field(
        32 * MIB,
        description="Largest upload as one JSON document, in bytes; other forms are streamed.",
    )
    max_columns: Count = Field(2_000, description="Most columns of a table.")
    max_inline_rows: Count = Field(10_000, description="Most rows of data given with a request.")
    max_prediction_rows: Count = Field(
        100_000, description="Most rows that one request may ask predictions for."
    )
    max_simulated_values: Count = Field(
        1_000_000, description="Most values that one request may draw: rows times draws."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  there is no such file
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  each names its own
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is given by name first, then what stands in files, then the environment."""
        return init_settings, FileSource(settings_cls, PREFIX), env_settings

    @model_validator(mode="after")
    def _roots_apart(self) -> Self:
        """Refuse a root from which what the service keeps for others could be registered."""
        stored = self.blobs.removeprefix("file://").rstrip("/")
        for name, root in self.data_roots.items():
            place = (root if "://" in root else Path(root).resolve().as_posix()).rstrip("/")
            for own in (self.data_dir.resolve().as_posix(), stored):
                if f"{own}/".startswith(f"{place}/") or f"{place}/".startswith(f"{own}/"):
                    raise ValueError(f"data root {name!r} and what the service keeps overlap")
        return self

    @cached_property
    def loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:  # a name, which may stand for any address
            return False

    @cached_property
    def keys_needed(self) -> bool:
        """Whether a request needs a key."""
        return self.auth == "keys" or (self.auth == "auto" and not self.loopback)

    @cached_property
    def limited(self) -> bool:
        """Whether what a caller asks for is counted."""
        return self.rate_units > 0 and (self.keys_needed or not self.loopback)

    @property
    def catalog(self) -> str:
        """The catalog's URL with the data directory put in."""
        return self.catalog_url.replace("{data_dir}", self.data_dir.absolute().as_posix())

    @property
    def blobs(self) -> str:
        """The blob store's URL with the data directory put in."""
        return self.blobs_url.replace("{data_dir}", self.data_dir.absolute().as_posix())


_FROM_FILES: Final = (
    "Every one may stand in a file instead, as secrets do: the variable with `_FILE` behind it "
    "names the file, as in `PARTIALPOOL_CATALOG_URL_FILE=/run/secrets/catalog_url`. So may "
    "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. The end of its last "
    "line does not count, and a variable that is set both ways is an error."
)


def table() -> str:
    """Return the settings as a Markdown page: variable, default, meaning."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_shown(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    head = [
        "# Settings",
        "",
        "Written by `python -m service settings`. Read from the environment at the start.",
        "",
        _FROM_FILES,
        "",
        "| variable | default | meaning |",
        "| --- | --- | --- |",
    ]
    return "\n".join([*head, *rows]) + "\n"


def _shown(default: object) -> str:
    if default is None:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
