# Profile-likelihood intervals, likelihood-ratio tests and tables of random terms, as lme4 and
# lmerTest compute them: writes likelihood.json.
#
#   Rscript tests/reference/likelihood.R [FILE]    (FILE: likelihood.json beside this script)
#
# lme4 interpolates its profiles between points; they stand four times as close here as by default.

suppressPackageStartupMessages({
  library(lme4)
  library(lmerTest)
  library(jsonlite)
})

argument <- grep("^--file=", commandArgs(), value = TRUE)
here <- dirname(normalizePath(sub("^--file=", "", argument)))
output <- c(commandArgs(trailingOnly = TRUE), file.path(here, "likelihood.json"))[1]

control <- lmerControl(
  optimizer = "bobyqa", optCtrl = list(maxfun = 2e5, rhoend = 1e-9),
  check.conv.singular = "ignore", check.conv.grad = "ignore", check.conv.hess = "ignore"
)
read_table <- function(name) {
  text <- list(
    sleepstudy = "Subject", cake = c("replicate", "recipe"), Machines = c("Worker", "Machine")
  )[[name]]
  table <- read.csv(
    file.path(here, "data", paste0(name, ".csv")),
    colClasses = setNames(rep("character", length(text)), text)
  )
  table[] <- lapply(table, function(column) {
    if (is.character(column)) factor(column, levels = sort(unique(column), method = "radix")) else column
  })
  assign(name, table, globalenv())  # where ranova() and anova() look it up
}
for (name in c("radon", "sleepstudy", "Dyestuff", "Dyestuff2", "Penicillin", "Pastes", "cake", "Machines")) {
  read_table(name)
}
fitted_to <- function(name, formula, REML = TRUE) {
  eval(substitute(
    lmer(FORMULA, data = DATA, REML = REML, control = control),
    list(FORMULA = as.formula(formula), DATA = as.name(name), REML = REML)
  ), globalenv())
}

profiled <- function(name, formula, REML = TRUE) {
  fit <- fitted_to(name, formula, REML)
  curve <- suppressWarnings(profile(fit, delta.cutoff = 1 / 32, maxpts = 1000, signames = FALSE))
  intervals <- suppressWarnings(confint(curve, level = 0.95))
  message(name, " ", formula)
  list(
    data = name, formula = formula, method = if (REML) "REML" else "ML",
    names = rownames(intervals), lower = unname(intervals[, 1]), upper = unname(intervals[, 2])
  )
}

random_terms <- function(name, formula, REML = TRUE) {
  fit <- fitted_to(name, formula, REML)
  table <- suppressMessages(eval(substitute(ranova(FIT), list(FIT = fit)), globalenv()))
  message("ranova ", name, " ", formula)
  list(
    data = name, formula = formula, method = if (REML) "REML" else "ML", terms = rownames(table),
    df = table$npar, log_likelihood = table$logLik, aic = table$AIC, chisq = table$LRT,
    chisq_df = table$Df, p = table$`Pr(>Chisq)`
  )
}

compared <- function(name, formulas, REML, refit) {
  fits <- lapply(formulas, function(formula) fitted_to(name, formula, REML))
  arguments <- c(unname(fits), list(refit = refit, model.names = as.character(seq_along(fits))))
  table <- suppressMessages(do.call(anova, arguments))
  message("anova ", name)
  list(
    data = name, formulas = formulas, method = if (REML) "REML" else "ML",
    by = if (refit) "ML" else "REML", df = table$npar, aic = table$AIC, bic = table$BIC,
    log_likelihood = table$logLik, deviance = table$deviance, chisq = table$Chisq,
    chisq_df = table$Df, p = table$`Pr(>Chisq)`
  )
}

floor <- "log_radon ~ 1 + floor + (1|county)"
slope <- "log_radon_gh ~ floor + (1+floor|county)"
days <- "Reaction ~ Days + (Days|Subject)"
result <- list(
  profiles = list(
    profiled("radon", floor), profiled("sleepstudy", days), profiled("Dyestuff", "Yield ~ 1 + (1|Batch)"),
    profiled("Dyestuff", "Yield ~ 1 + (1|Batch)", FALSE), profiled("Dyestuff2", "Yield ~ 1 + (1|Batch)"),
    profiled("Penicillin", "diameter ~ 1 + (1|plate) + (1|sample)"),
    profiled("Pastes", "strength ~ 1 + (1|batch/cask)"), profiled("radon", slope)
  ),
  random_terms = list(
    random_terms("sleepstudy", days), random_terms("sleepstudy", days, FALSE), random_terms("radon", slope),
    random_terms("sleepstudy", "Reaction ~ Days + (Days||Subject)"),
    random_terms("radon", floor), random_terms("Penicillin", "diameter ~ 1 + (1|plate) + (1|sample)"),
    random_terms("Pastes", "strength ~ 1 + (1|batch/cask)"),
    random_terms("cake", "angle ~ recipe + temp + (1|replicate) + (1|recipe:replicate)"),
    random_terms("Machines", "score ~ Machine + (Machine|Worker)"),
    random_terms("Machines", "score ~ Machine + (0 + Machine|Worker)")
  ),
  comparisons = list(
    compared("radon", c("log_radon ~ 1 + (1|county)", floor, "log_radon ~ floor * log_uranium + (1|county)"), TRUE, TRUE),
    compared("sleepstudy", c("Reaction ~ Days + (1|Subject)", days), TRUE, FALSE),
    compared("sleepstudy", c("Reaction ~ Days + (1|Subject)", "Reaction ~ Days + (Days||Subject)", days), FALSE, TRUE),
    compared("Pastes", c("strength ~ 1 + (1|batch)", "strength ~ 1 + (1|batch/cask)"), TRUE, FALSE)
  )
)
# A line a model, so that a change shows.
written <- vapply(names(result), function(kind) {
  lines <- vapply(result[[kind]], toJSON, "", digits = NA, auto_unbox = TRUE, na = "null")
  paste0('"', kind, '": [\n', paste(lines, collapse = ",\n"), "\n]")
}, "")
writeLines(c("{", paste(written, collapse = ",\n"), "}"), output)
