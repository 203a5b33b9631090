# Fits the models of models.csv to the tables of data/ and writes their every number to reference.json.
#
#   Rscript tests/reference/generate.R [FILE]      (FILE: reference.json beside this script)
#
# Factors have their levels in byte order and treatment contrasts, whatever the locale.

suppressPackageStartupMessages({
  library(lme4)
  library(lmerTest)
  library(pbkrtest)
  library(jsonlite)
})

argument <- grep("^--file=", commandArgs(), value = TRUE)
here <- dirname(normalizePath(sub("^--file=", "", argument)))

read_table <- function(name, factors) {
  path <- file.path(here, "data", paste0(name, ".csv"))
  if (!file.exists(path)) path <- paste0(path, ".gz")
  kinds <- setNames(rep("character", length(factors)), factors)
  table <- read.csv(path, colClasses = kinds)
  text <- vapply(table, is.character, logical(1))
  table[text] <- lapply(table[text], function(column) {
    factor(column, levels = sort(unique(column), method = "radix"))
  })
  table
}

# From lme4's own start and from two others, each followed to 1e-9: the lowest criterion counts, as
# one search may end at a local optimum (radon_slope_uranium has one at 2132.24).
fit_model <- function(formula, table, model) {
  control <- lmerControl(
    optimizer = "bobyqa", optCtrl = list(maxfun = 2e5, rhoend = 1e-9),
    check.conv.singular = "ignore", check.conv.grad = "ignore", check.conv.hess = "ignore"
  )
  arguments <- list(
    formula = formula, data = table, REML = model$method == "REML", control = control,
    weights = column(table, model$weights), offset = column(table, model$offset)
  )
  first <- do.call(lmer, arguments)
  scales <- if (length(getME(first, "theta")) == 1) c() else c(0.1, 3)
  others <- lapply(scales, function(scale) {
    do.call(lmer, c(arguments, list(start = scale * getME(first, "theta") + 0.01)))
  })
  fits <- c(list(first), others)
  fits[[which.min(vapply(fits, criterion, numeric(1)))]]
}

column <- function(table, name) if (is.na(name)) NULL else table[[name]]

criterion <- function(fit) if (isREML(fit)) REMLcrit(fit) else deviance(fit)

fixed_effects <- function(fit) {
  rows <- coef(summary(fit, ddf = "Satterthwaite"))
  list(
    names = rownames(rows), estimate = unname(rows[, "Estimate"]),
    se = unname(rows[, "Std. Error"]), df = unname(rows[, "df"]),
    t = unname(rows[, "t value"]), p = unname(rows[, "Pr(>|t|)"])
  )
}

# pbkrtest works with n by n matrices, and not with weights.
kenward_roger <- function(fit, weights) {
  if (!isREML(fit) || nobs(fit) > 3000 || !is.na(weights)) return(NULL)
  rows <- coef(summary(fit, ddf = "Kenward-Roger"))
  list(
    se = unname(rows[, "Std. Error"]), df = unname(rows[, "df"]),
    p = unname(rows[, "Pr(>|t|)"])
  )
}

# A row a level and a column a name. Several terms of one group have an array each: (1 + x || g).
conditional_modes <- function(modes) {
  arrays <- attr(modes, "postVar")
  if (!is.list(arrays)) arrays <- list(arrays)
  sds <- lapply(arrays, function(array) {
    t(matrix(apply(array, 3, function(block) sqrt(diag(as.matrix(block)))), ncol = dim(array)[3]))
  })
  list(
    levels = rownames(modes), names = colnames(modes),
    values = unname(as.matrix(modes)), sd = do.call(cbind, sds)
  )
}

named <- function(name) if (is.na(name)) NULL else name

reference <- function(model) {
  formula <- as.formula(model$formula)
  categorical <- strsplit(model$categorical, " ")[[1]]
  groups <- unlist(lapply(findbars(formula), function(bar) all.vars(bar[[3]])))
  table <- read_table(model$data, unique(c(categorical, groups)))
  fit <- fit_model(formula, table, model)
  likelihood <- logLik(fit)
  result <- list(
    name = model$name, data = model$data, n = nobs(fit), formula = model$formula,
    weights = named(model$weights), offset = named(model$offset), method = model$method,
    categorical = as.list(categorical),
    fixed = fixed_effects(fit), kenward_roger = kenward_roger(fit, model$weights),
    vcov = unname(as.matrix(vcov(fit))), varcor = as.data.frame(VarCorr(fit)),
    sigma = sigma(fit), theta = unname(getME(fit, "theta")),
    criterion = criterion(fit), loglik = as.numeric(likelihood), df = attr(likelihood, "df"),
    aic = AIC(fit), bic = BIC(fit), deviance_ml = deviance(if (isREML(fit)) refitML(fit) else fit),
    singular = isSingular(fit), fitted_head = unname(head(fitted(fit), 10)),
    ranef = lapply(ranef(fit, condVar = TRUE), conditional_modes)
  )
  message(sprintf("%-24s %s %.8f", model$name, model$method, result$criterion))
  result
}

models <- read.csv(file.path(here, "models.csv"), colClasses = "character")
for (name in c("weights", "offset")) models[[name]][models[[name]] == ""] <- NA
references <- lapply(split(models, seq_len(nrow(models))), reference)
names(references) <- models$name
output <- c(commandArgs(trailingOnly = TRUE), file.path(here, "reference.json"))[1]
# A line a case, so that a change shows.
lines <- vapply(references, toJSON, "", digits = NA, auto_unbox = TRUE, null = "null", na = "null")
writeLines(c("{", paste0('"', names(lines), '":', lines, c(rep(",", length(lines) - 1), "")), "}"), output)
