# What lme4 says of each row and of each level of some models of models.csv, written to
# diagnostics.json: fitted values, residuals, hatvalues, rstudent, cooks.distance of about 60 rows
# spread over the table; the fixed effects, their standard errors and the variance components when
# each level is left out; the principal components of the random effects (rePCA).
#
#   Rscript tests/reference/diagnostics.R [FILE]      (FILE: diagnostics.json beside this script)

suppressPackageStartupMessages({
  library(lme4)
  library(jsonlite)
})

argument <- grep("^--file=", commandArgs(), value = TRUE)
here <- dirname(normalizePath(sub("^--file=", "", argument)))

# Model, and the columns (one factor) whose levels are left out in turn.
wanted <- list(
  seed_mod_cov = "county", sleepstudy_slope = "Subject", penicillin = "sample",
  pastes = "batch", cake_weights = "replicate", sleepstudy_weights_slope = "Subject",
  sleepstudy_slope_ml = "Subject", oats = "Block"
)

models <- read.csv(file.path(here, "models.csv"), na.strings = "")
rownames(models) <- models$name

read_table <- function(model) {
  path <- file.path(here, "data", paste0(model$data, ".csv"))
  table <- read.csv(path)
  groups <- unlist(lapply(findbars(as.formula(model$formula)), function(bar) all.vars(bar[[3]])))
  for (name in names(table)) {
    if (is.character(table[[name]]) || name %in% groups) {
      values <- as.character(table[[name]])
      table[[name]] <- factor(values, levels = sort(unique(values), method = "radix"))
    }
  }
  table
}

# The best of three starts, each followed to 1e-10, as in generate.R.
fit_model <- function(model, table) {
  weights <- if (is.na(model$weights)) NULL else table[[model$weights]]
  control <- lmerControl(
    optimizer = "bobyqa", optCtrl = list(maxfun = 2e5, rhoend = 1e-10),
    check.conv.singular = "ignore", check.conv.grad = "ignore", check.conv.hess = "ignore"
  )
  arguments <- list(
    formula = as.formula(model$formula), data = table, REML = model$method == "REML",
    control = control, weights = weights
  )
  first <- do.call(lmer, arguments)
  scales <- if (length(getME(first, "theta")) == 1) c() else c(0.1, 3)
  others <- lapply(scales, function(scale) {
    do.call(lmer, c(arguments, list(start = scale * getME(first, "theta") + 0.01)))
  })
  fits <- c(list(first), others)
  fits[[which.min(vapply(fits, function(fit) -as.numeric(logLik(fit)), numeric(1)))]]
}

rows <- function(fit) {
  at <- seq(1, nobs(fit), by = max(1, nobs(fit) %/% 60))
  list(
    at = at - 1, fitted = unname(fitted(fit))[at], residual = unname(residuals(fit, "response"))[at],
    pearson = unname(residuals(fit, "pearson"))[at], leverage = unname(hatvalues(fit))[at],
    leverage_sum = sum(hatvalues(fit)), studentised = unname(rstudent(fit))[at],
    cooks_distance = unname(cooks.distance(fit))[at]
  )
}

without <- function(level, model, table, group) {
  fit <- fit_model(model, table[table[[group]] != level, ])
  list(
    beta = unname(fixef(fit)), se = unname(sqrt(diag(as.matrix(vcov(fit))))), sigma = sigma(fit),
    std_dev = unname(unlist(lapply(VarCorr(fit), attr, "stddev")))
  )
}

record <- function(name) {
  model <- models[name, ]
  table <- read_table(model)
  fit <- fit_model(model, table)
  group <- wanted[[name]]
  levels <- levels(table[[group]])
  left <- lapply(levels, without, model, table, group)
  column <- function(part) unname(do.call(rbind, lapply(left, `[[`, part)))
  list(
    model = name, rows = rows(fit), group = group, levels = levels,
    beta = column("beta"), se = column("se"), sigma = drop(column("sigma")),
    std_dev = column("std_dev"), pca = lapply(rePCA(fit), function(found) found$sdev)
  )
}

output <- c(commandArgs(trailingOnly = TRUE), file.path(here, "diagnostics.json"))[1]
write_json(lapply(names(wanted), record), output, digits = I(12), auto_unbox = FALSE)
