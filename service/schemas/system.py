"""What the service says of itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from service.kinds import Kind
from service.schemas.base import Answer
from service.schemas.problems import Problem, sample


class Health(Answer):
    """The process is alive."""

    status: Literal["ok"] = Field(description="Always `ok`: an answer is the message.")


class Readiness(Answer):
    """The parts that the service stands on, each asked just now."""

    status: Literal["ready"] = Field(description="Always `ready`; otherwise the answer is a 503.")
    checks: dict[str, Literal["ok", "idle", "lost"]] = Field(
        description="`catalog`, `store`, where long work is done: `workers` of this machine, or "
        "`cluster`, and `drawing`: the processes that draw plots. `ok`: it answered; `idle`: no "
        "process has been needed yet; `lost`: it does not answer, and the operator says that the "
        "service is ready without it.",
        examples=[{"catalog": "ok", "store": "ok", "workers": "idle", "drawing": "idle"}],
    )


class Limits(Answer):
    """The caps that requests are held to; a request past one is refused and says which."""

    max_body_bytes: int = Field(description="Largest request body, in bytes.")
    max_json_bytes: int = Field(description="Largest JSON body of a fit or a prediction, in bytes.")
    max_rows: int = Field(description="Most rows of an uploaded table.")
    max_decoded_bytes: int = Field(
        description="Largest uploaded table once decompressed and decoded, in bytes."
    )
    max_expansion: int = Field(
        description="How many times as large as itself a gzip upload may become, beyond 64 MiB."
    )
    max_footer_bytes: int = Field(description="Longest footer of a Parquet file, in bytes.")
    max_frames: int = Field(description="Most batches and dictionaries of an Arrow stream.")
    max_document_bytes: int = Field(description="Largest upload as one JSON document, in bytes.")
    max_columns: int = Field(description="Most columns of a table.")
    max_inline_rows: int = Field(description="Most rows of data given with a request.")
    max_prediction_rows: int = Field(description="Most rows of a request for predictions.")
    max_simulated_values: int = Field(
        description="Most values of a request for simulations: rows times draws."
    )
    max_categorical: int = Field(description="Most columns that a fit takes as factors.")
    max_formula_characters: int = Field(description="Longest formula.")
    max_formula_nesting: int = Field(description="Deepest nesting of a formula.")
    max_operations: int = Field(description="Most operators and functions of one expression.")
    max_groupings: int = Field(description="Most columns that the means of `ave()` are by.")
    max_group_means: int = Field(description="Most means that all `ave()` of a formula keep.")
    max_degree: int = Field(description="Highest degree of `poly()`.")
    max_terms: int = Field(description="Most terms of a formula once written out.")
    max_random_terms: int = Field(description="Most random terms of a formula.")
    max_variables: int = Field(
        description="Most variables of one interaction or grouping factor; also the highest power."
    )
    max_expansion_work: int = Field(
        description="Most terms looked at while `*`, `/`, `:` and `^` are written out."
    )
    max_model_columns: int = Field(description="Most columns of a model once factors are expanded.")
    max_effects: int = Field(
        description="Most effects that vary over the levels of one grouping factor."
    )
    max_levels: int = Field(description="Most levels of one grouping factor.")
    max_crossed_elements: int = Field(
        description="Most elements of the matrix of crossed effects, without those of the factor "
        "with most levels; beyond, models of one effect per factor are fitted approximately."
    )
    max_thresholds: int = Field(description="Most thresholds of a request for predictions.")
    max_contrasts: int = Field(description="Most contrasts of a request.")
    max_marginal_means: int = Field(description="Most marginal means of a request.")
    max_paired_means: int = Field(description="Most marginal means whose pairs are compared.")
    max_ordered_terms: int = Field(description="Most terms that are given in an order.")
    max_held_columns: int = Field(description="Most columns that marginal means hold at a value.")
    max_compared_models: int = Field(description="Most models of a comparison.")
    max_parts: int = Field(description="Most parts of a dataset that grows.")
    max_dataset_rows: int = Field(description="Most rows of a dataset that grows.")
    max_registered_files: int = Field(description="Most files of a registered dataset.")
    max_registered_bytes: int = Field(
        description="Most bytes of a registered dataset of a bucket, or of files not Parquet."
    )
    max_merged_datasets: int = Field(description="Most summaries that are added at once.")
    max_simulations: int = Field(
        description="Most replicates of a bootstrap, and draws of a row in a simulation (`n_sim`)."
    )
    max_influence_work: int = Field(
        description="Most levels left out times levels of all groups, for the influence of the "
        "levels in a model with several grouping factors."
    )
    max_name_characters: int = Field(description="Longest name of a column.")
    max_cell_bytes: int = Field(description="Longest cell of text, in bytes.")
    max_missing_words: int = Field(description="Most words for a missing cell of an upload.")
    max_text_columns: int = Field(description="Most columns that an upload names as text.")
    max_page_items: int = Field(description="Most items of a page of a list.")
    max_page_levels: int = Field(description="Most levels of a page of JSON.")
    max_page_rows: int = Field(description="Most rows of a page of a dataset.")
    max_page_cells: int = Field(description="Most cells of a page of a dataset.")
    max_page_diagnostics: int = Field(description="Most rows of a page of diagnostics.")
    max_page_diagnostics_json: int = Field(description="Likewise as JSON.")
    max_county_characters: int = Field(description="Longest name of a county or a state.")
    max_radon_level: int = Field(
        description="Highest level of radon in a question, in the unit of the question."
    )
    max_geometric_sd: int = Field(
        description="Largest geometric standard deviation of the radon in a house."
    )
    max_radon_cost: int = Field(description="Highest cost of remediation or of a test.")
    max_living_area_ratio: int = Field(
        description="Largest ratio of the level where one lives to that of the screening test."
    )
    max_problems: int = Field(description="Most problems that one answer tells.")
    max_plot_characters: int = Field(description="Longest title, unit or name in a plot's query.")
    max_plot_pixels: int = Field(description="Largest width or height of a plotting area.")
    max_plot_scale: int = Field(description="Most pixels of an image for each of the plot.")
    max_plot_levels: int = Field(description="Most levels or parameters that a plot is asked for.")
    max_plot_points: int = Field(
        description="Most points of a plot: beyond, a selection, or cells with their number."
    )
    max_plot_labels: int = Field(description="Most levels of a plot with a label of their own.")
    max_plot_arrows: int = Field(description="Most arrows of a plot.")
    wait_seconds: float = Field(
        description="How long a request waits for what takes long before it gets a job."
    )
    thread_seconds: float = Field(
        description="How long a fit may take beside requests before it goes to a worker process."
    )
    job_seconds: float = Field(description="How long a job may run.")
    job_retention_seconds: float = Field(description="How long a finished job can be read.")
    max_jobs: int = Field(description="Most jobs that are queued or running at a time.")
    max_waiting_plots: int = Field(description="Most plots that wait to be drawn at a time.")
    rate_units: int = Field(
        description="Units of work, about milliseconds of a processor, that a caller may ask for "
        "in a minute; 0: any number, of which any are under way at a time."
    )
    max_concurrent_requests: int = Field(
        description="Most requests of a caller that are under way at a time."
    )
    max_owner_bytes: int = Field(
        description="Most bytes of files of one owner's datasets and models; 0 for no limit."
    )
    max_owner_datasets: int = Field(description="Most datasets of one owner; 0 for no limit.")
    max_owner_models: int = Field(description="Most models of one owner; 0 for no limit.")
    max_idempotency_key: int = Field(description="Longest `Idempotency-Key`.")
    idempotency_seconds: float = Field(
        description="How long the answer to a request with an `Idempotency-Key` is kept."
    )
    dataset_unused_days: float = Field(
        description="A dataset not used for so many days is deleted; 0 for never."
    )
    model_unused_days: float = Field(
        description="A model not used for so many days is deleted; 0 for never."
    )
    worker_memory_bytes: int = Field(description="Memory of the process that does a job, in bytes.")


class Kept(Answer):
    """How many there are and what their files weigh."""

    count: int = Field(description="How many.")
    bytes: int = Field(description="Bytes of their files.")


class Quota(Answer):
    """The most that one owner may keep."""

    bytes: int | None = Field(description="Bytes of files; `null` for no limit.")
    datasets: int | None = Field(description="Datasets; `null` for no limit.")
    models: int | None = Field(description="Models; `null` for no limit.")


class UsageReport(Answer):
    """What the one who asks keeps here, and may keep."""

    datasets: Kept = Field(description="The datasets.")
    models: Kept = Field(description="The fitted models.")
    bytes: int = Field(description="Bytes of all files.")
    quotas: Quota = Field(description="The most that may be kept.")


class ProblemPage(Answer):
    """What a kind of problem means and how to mend it."""

    type: str = Field(description="Path of this page, as it stands in a problem.")
    code: str = Field(description="Stable name of the kind.")
    status: int = Field(description="The HTTP status it comes with.")
    title: str = Field(description="What it is.")
    meaning: str = Field(description="What it means.")
    mend: str = Field(description="What to do about it.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    sample: Problem = Field(description="An answer that tells a problem of this kind.")

    @classmethod
    def of(cls, kind: Kind) -> ProblemPage:
        """Return the page of a kind."""
        return cls(
            type=kind.type,
            code=kind.code,
            status=kind.status,
            title=kind.title,
            meaning=kind.meaning,
            mend=kind.mend,
            retryable=kind.retryable,
            sample=sample(kind),
        )


class ProblemCatalogue(Answer):
    """All kinds of problem, by status."""

    items: list[ProblemPage]
