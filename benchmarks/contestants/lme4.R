# R's lme4. Argument: the CSV file of the houses. The protocol is that of benchmarks/contestant.py.

suppressPackageStartupMessages(library(lme4))

houses <- read.csv(commandArgs(trailingOnly = TRUE)[1], stringsAsFactors = TRUE)
fit <- function() {
  model <- lmer(log(radon + 0.1) ~ 1 + floor + (1 | county), houses)
  list(model, sqrt(diag(as.matrix(vcov(model)))), ranef(model, condVar = TRUE))
}

numbers <- function(x) paste0("[", paste(format(x, digits = 17, trim = TRUE), collapse = ","), "]")
say <- function(...) {
  cat(..., "\n", sep = "")
  flush(stdout())
}

first <- fit()
effects <- first[[3]]$county
say(
  '{"versions": "', format(packageVersion("lme4")), ", R ", R.version$major, ".", R.version$minor,
  ", ", basename(sessionInfo()$BLAS), '", "answer": {',
  '"criterion": ', format(REMLcrit(first[[1]]), digits = 17),
  ', "estimate": ', numbers(fixef(first[[1]])),
  ', "std_error": ', numbers(first[[2]]),
  ', "effects": {',
  paste0('"', rownames(effects), '": ', format(effects[[1]], digits = 17), collapse = ", "),
  "}}}"
)

orders <- file("stdin", open = "r")
while (length(line <- readLines(orders, n = 1)) == 1) {
  for (i in 1:3) fit()
  timings <- numeric()
  end <- Sys.time() + as.numeric(line)
  while (Sys.time() < end || length(timings) == 0) {
    start <- Sys.time()
    fit()
    timings <- c(timings, as.numeric(Sys.time() - start, units = "secs"))
  }
  say(numbers(timings))
}
