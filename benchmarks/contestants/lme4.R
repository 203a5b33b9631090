# R's lme4. Arguments: the folder of the task; "no-derivatives" for calc.derivs = FALSE.
# The protocol is that of benchmarks/contestant.py, the task that of benchmarks/task.py.

suppressPackageStartupMessages({
  library(lme4)
  library(jsonlite)
})

arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
task <- fromJSON(file.path(folder, "task.json"), simplifyVector = TRUE)
column <- function(name) {
  path <- file.path(folder, name)
  levels <- task$columns[[name]]
  if (is.null(levels)) return(readBin(path, "double", task$rows))
  structure(readBin(path, "integer", task$rows, size = 4) + 1L, levels = levels, class = "factor")
}
table <- as.data.frame(setNames(lapply(names(task$columns), column), names(task$columns)))
formula <- as.formula(task$formula)
control <- lmerControl(calc.derivs = !("no-derivatives" %in% arguments))
lmer_fit <- function() suppressMessages(lmer(formula, table, REML = task$reml, control = control))

after <- switch(task$want,
  fit = function(model) vcov(model),
  effects = function(model) list(sqrt(diag(as.matrix(vcov(model)))), ranef(model, condVar = TRUE)),
  "kenward-roger" = function(model) {
    adjusted <- pbkrtest::vcovAdj(model)
    p <- ncol(adjusted)
    df <- vapply(seq_len(p), function(i) {
      pbkrtest::Lb_ddf(replace(numeric(p), i, 1), vcov(model), adjusted)
    }, numeric(1))
    list(adjusted, df)
  }
)
# What a Kenward-Roger table takes beyond a fit is timed alone.
fitted <- if (task$want == "kenward-roger") lmer_fit()
fit <- function() {
  if (is.null(fitted)) {
    model <- lmer_fit()
    list(model, after(model))
  } else {
    list(fitted, after(fitted))
  }
}

numbers <- function(x) paste0("[", paste(format(x, digits = 17, trim = TRUE), collapse = ","), "]")
say <- function(...) {
  cat(..., "\n", sep = "")
  flush(stdout())
}
effects_of <- function(model) {
  if (task$want != "effects") return("")
  own <- ranef(model, condVar = FALSE)[[1]]
  paste0('"', rownames(own), '": ', format(own[[1]], digits = 17), collapse = ", ")
}

start <- Sys.time()
first <- fit()
model <- first[[1]]
seconds <- as.numeric(Sys.time() - start, units = "secs")
errors <- sqrt(diag(as.matrix(if (task$want == "kenward-roger") first[[2]][[1]] else vcov(model))))
say(
  '{"versions": "', format(packageVersion("lme4")), ", R ", R.version$major, ".", R.version$minor,
  if (task$want == "kenward-roger") paste(", pbkrtest", packageVersion("pbkrtest")),
  ", ", basename(sessionInfo()$BLAS), '", "seconds": ', seconds, ', "answer": {',
  '"criterion": ', format(if (task$reml) REMLcrit(model) else deviance(model), digits = 17),
  ', "estimate": ', numbers(fixef(model)),
  ', "std_error": ', numbers(errors),
  ', "effects": {', effects_of(model), "}}}"
)
quick <- seconds < 0.1
rm(first, model)

orders <- file("stdin", open = "r")
while (length(line <- readLines(orders, n = 1)) == 1) {
  if (quick) for (i in 1:3) fit()
  timings <- numeric()
  end <- Sys.time() + as.numeric(line)
  while (Sys.time() < end || length(timings) == 0) {
    start <- Sys.time()
    fit()
    timings <- c(timings, as.numeric(Sys.time() - start, units = "secs"))
  }
  say(numbers(timings))
}
