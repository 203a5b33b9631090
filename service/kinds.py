"""The kinds of problem: one table, which the pages that explain them are made of too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: its code, its status, and what a reader of its page is told."""

    code: str
    status: int
    title: str
    meaning: str
    mend: str
    retryable: bool = False

    @property
    def type(self) -> str:
        """The path of the page that explains this kind."""
        return f"/problems/{self.code}"


_TABLE = (
    Kind(
        "bad_request",
        400,
        "The request cannot be read",
        "The HTTP request is not well formed.",
        "Compare the request with the examples of the API page.",
    ),
    Kind(
        "malformed_json",
        400,
        "The body is not JSON",
        "The body says it is JSON and cannot be parsed as JSON.",
        "Mend the syntax at the place named; numbers are finite, text is UTF-8.",
    ),
    Kind(
        "unauthorized",
        401,
        "A key is needed",
        "The request has no API key, or one that may not be used: unknown, revoked or expired.",
        "Send a key as `Authorization: Bearer pp_…`. Who runs the service makes one with "
        "`python -m service keys create`.",
    ),
    Kind(
        "insufficient_scope",
        403,
        "The key is not for this",
        "The key is valid, and none of its scopes includes what the request asks for.",
        "Use a key with the scope that WWW-Authenticate names.",
    ),
    Kind(
        "read_only",
        403,
        "The dataset is another's",
        "The dataset is public: everyone may read it, and only its owner may change it.",
        "Upload the same table to have one of your own.",
    ),
    Kind(
        "not_found",
        404,
        "Nothing is here",
        "No resource has this path.",
        "See /docs for the paths there are.",
    ),
    Kind(
        "dataset_not_found",
        404,
        "There is no such dataset",
        "No dataset has this id or name, or it was deleted.",
        "List the datasets with GET /v1/datasets, or upload one with POST /v1/datasets.",
    ),
    Kind(
        "model_not_found",
        404,
        "There is no such model",
        "No fitted model has this id, or it was deleted.",
        "List the models with GET /v1/models, or fit one with POST /v1/models.",
    ),
    Kind(
        "job_not_found",
        404,
        "There is no such job",
        "No job has this id, or it was finished so long ago that it was forgotten.",
        "List the jobs with GET /v1/jobs. What was asked for may be asked for again.",
    ),
    Kind(
        "key_not_found",
        404,
        "There is no such key",
        "No API key has this id.",
        "List the keys with `python -m service keys list`.",
    ),
    Kind(
        "group_not_found",
        404,
        "The model has no such group",
        "The model has no random effects for a group of this name.",
        "The names stand in the model under random_effects; escape ':' and '/' in the path.",
    ),
    Kind(
        "factor_not_found",
        404,
        "The model has no such factor",
        "The fixed effects of the model have no factor of this name.",
        "Factors are the columns of text, and those fitted as `categorical`. Several are written "
        "`a:b`; a name with a colon stands in back-quotes.",
    ),
    Kind(
        "plot_not_found",
        404,
        "The model has no such plot",
        "No plot has this name, or the model lacks what it shows; then the error says what.",
        "List the plots of the model with GET /v1/models/{id}/plots.",
    ),
    Kind(
        "method_not_allowed",
        405,
        "This method is not for this path",
        "The path exists and does not answer to this method.",
        "Use a method named in the Allow header.",
    ),
    Kind(
        "not_acceptable",
        406,
        "None of the accepted forms can be given",
        "The Accept header names only media types that this resource does not have.",
        "Ask for one of the media types that the API page lists, or leave Accept out.",
    ),
    Kind(
        "name_taken",
        409,
        "The name belongs to another dataset",
        "A name stands for one dataset only, and this one is taken by other content.",
        "Choose another name, or delete the dataset that has it first.",
    ),
    Kind(
        "rows_not_kept",
        409,
        "The rows of the model are not here",
        "What is asked for needs the rows that the model was fitted to. A model keeps none, and "
        "its dataset was deleted, or came with the request and was never kept.",
        "Upload the same table with POST /v1/datasets: the same content has the same id, and the "
        "model finds it.",
    ),
    Kind(
        "only_sums",
        409,
        "There are only sums of these rows",
        "The dataset is a summary: the sums that a model needs of its rows, and no row.",
        "What a fit tells without rows is there: effects, predictions, tests, intervals. For the "
        "rest fit the model where its rows are.",
    ),
    Kind(
        "files_changed",
        409,
        "The files have changed since they were registered",
        "The dataset is files of the operator's, registered by their content, and one of them was "
        "changed, moved or deleted, or its root is no longer allowed.",
        "Register the files again with POST /v1/datasets: other content is another dataset.",
    ),
    Kind(
        "job_cancelled",
        409,
        "The job was cancelled",
        "The work that this request waited for was cancelled by another request.",
        "Send the request again to begin anew.",
        retryable=True,
    ),
    Kind(
        "quota_exceeded",
        409,
        "There is no room for more",
        "The datasets and models that are kept reach a quota of this owner.",
        "GET /v1/usage tells what is kept and what may be. Delete datasets or models that are no "
        "longer needed.",
    ),
    Kind(
        "idempotency_in_progress",
        409,
        "The same request is being answered",
        "A request with this Idempotency-Key has arrived before and is not answered yet.",
        "Send the same request again in a moment: it is answered as the first is.",
        retryable=True,
    ),
    Kind(
        "body_too_large",
        413,
        "The body is too large",
        "The request body passes the published limit.",
        "See GET /v1/limits; send a compact form (Parquet), or fewer rows or columns.",
    ),
    Kind(
        "unsupported_media_type",
        415,
        "This form of body is not understood",
        "The Content-Type is missing or is not one that this operation reads.",
        "Set Content-Type to one of the media types that the API page lists.",
    ),
    Kind(
        "wrong_host",
        421,
        "The service does not answer to this name",
        "A service that needs no key answers to addresses, localhost and names without a dot, so "
        "that no page of the web can ask it by a name of its own.",
        "Ask for 127.0.0.1 or localhost. Who runs the service can set PARTIALPOOL_AUTH.",
    ),
    Kind(
        "invalid_request",
        422,
        "The request is not valid",
        "The request was read, and some of its parts are missing, unknown or out of range.",
        "Each error points to the part it is about and says what would be right.",
    ),
    Kind(
        "invalid_formula",
        422,
        "The formula cannot be read",
        "The formula is not in the language of the service, or asks for what it does not have.",
        "The detail shows the place with a caret.",
    ),
    Kind(
        "invalid_model",
        422,
        "The model does not fit the dataset",
        "The specification names columns, kinds or options that the dataset does not have.",
        "Each error names the column or option. POST /v1/models/validate tells all at once.",
    ),
    Kind(
        "unusable_data",
        422,
        "The data cannot carry this",
        "The rows cannot be used for what is asked of them.",
        "Each error names the column or row and says what would be needed.",
    ),
    Kind(
        "not_comparable",
        422,
        "The model has nothing to compare",
        "The comparison does not exist for a model of this form.",
        "The detail says for which models it does.",
    ),
    Kind(
        "invalid_table",
        422,
        "The table cannot be kept",
        "The file was read as the form it says it has, and is not a table the service can keep.",
        "Each error names the column or row. POST /v1/datasets/preview shows what would be read.",
    ),
    Kind(
        "invalid_summary",
        422,
        "The summary cannot be kept",
        "The body is not a summary in a format that is known, its numbers cannot be sums of any "
        "rows, or the summaries cannot be added.",
        "Each error points to the part it is about. docs/summaries.md describes the format.",
    ),
    Kind(
        "limit_passed",
        422,
        "A limit is passed",
        "The request asks for more terms, columns, levels or rows than the service takes.",
        "See GET /v1/limits.",
    ),
    Kind(
        "idempotency_key_reused",
        422,
        "The key belongs to another request",
        "An earlier request with this Idempotency-Key was not the same as this one.",
        "Draw a new key for every new request; repeat a request byte by byte to get its answer.",
    ),
    Kind(
        "too_many_jobs",
        429,
        "Too many jobs are waiting",
        "As many jobs are queued or running as one owner may have.",
        "Wait as long as Retry-After says, or cancel a job with DELETE /v1/jobs/{id}.",
        retryable=True,
    ),
    Kind(
        "too_many_plots",
        429,
        "Too many plots are waiting",
        "As many plots of one owner wait to be drawn as may, or one has waited behind the others "
        "as long as a request waits.",
        "Ask again after the time in Retry-After: what was drawn meanwhile is kept for a while.",
        retryable=True,
    ),
    Kind(
        "rate_limited",
        429,
        "Too much work in too short a time",
        "What was asked for within a minute costs more than one caller may ask for. Each request "
        "has a price by its work: bytes, rows, draws.",
        "Wait as long as Retry-After says. RateLimit tells what is left, in every answer.",
        retryable=True,
    ),
    Kind(
        "too_many_requests",
        429,
        "Too many requests at a time",
        "As many requests are under way as one caller may have.",
        "Wait for answers before asking more; `Prefer: respond-async` does not keep a request.",
        retryable=True,
    ),
    Kind(
        "internal",
        500,
        "Something broke in the service",
        "An unforeseen error. Nothing of the request was kept.",
        "Try again later; when it stays, report the request id.",
        retryable=True,
    ),
    Kind(
        "corrupt_artefact",
        500,
        "A stored artefact is damaged",
        "A stored file no longer has the content that was written; it is never served.",
        "Upload the dataset again, or delete the model and fit it again; report the request id.",
    ),
    Kind(
        "unavailable",
        503,
        "A part of the service does not answer",
        "The catalog, the store of files or the cluster for long work cannot be reached just now.",
        "Wait as long as Retry-After says and try again.",
        retryable=True,
    ),
    Kind(
        "still_fitting",
        503,
        "The answer takes longer than a request may wait",
        "What was asked for is still being read or made.",
        "Send the same request again after the time in Retry-After.",
        retryable=True,
    ),
    Kind(
        "worker_died",
        503,
        "The worker process died",
        "The process that did the work ended before the work did, more than once: it was killed, "
        "or the system had no memory left for it.",
        "Try again later; when it dies again, ask for less: fewer rows, levels or terms.",
        retryable=True,
    ),
    Kind(
        "out_of_memory",
        507,
        "The work needs more memory than a worker may have",
        "The worker process reached its memory ceiling.",
        "See worker_memory_bytes of GET /v1/limits; ask for less: fewer rows, levels or terms.",
    ),
)

KINDS: Final[Mapping[str, Kind]] = {kind.code: kind for kind in _TABLE}

_OF_STATUS: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "unauthorized",
    403: "insufficient_scope",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
    429: "rate_limited",
    503: "unavailable",
}


def kind_of_status(status: int) -> Kind:
    """Return the kind that a bare HTTP status stands for."""
    return KINDS[_OF_STATUS.get(status, "bad_request" if status < 500 else "internal")]


def catalogue() -> str:
    """Return all kinds of problem as a Markdown page."""
    head = [
        "# Problems",
        "",
        "Written by `python -m service problems`.",
        "Every error is `application/problem+json` (RFC 9457);",
        "its `code` is one of these and its `type` is the path of the kind's page.",
        "",
        "| code | status | title | meaning | how to mend it |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows = [f"| `{k.code}` | {k.status} | {k.title} | {k.meaning} | {k.mend} |" for k in _TABLE]
    return "\n".join([*head, *rows]) + "\n"
