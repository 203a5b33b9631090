# Tests, tables and means of some models as lmerTest, pbkrtest and emmeans give them, in inference.json.
#
#   Rscript tests/reference/inference.R [FILE]      (FILE: inference.json beside this script)
#
# Some cases leave out every so-manieth row, or a whole cell, so that nothing is balanced.

suppressPackageStartupMessages({
  library(lme4)
  library(lmerTest)
  library(pbkrtest)
  library(emmeans)
  library(jsonlite)
})
emm_options(msg.interaction = FALSE, pbkrtest.limit = 3000, lmerTest.limit = 3000)

argument <- grep("^--file=", commandArgs(), value = TRUE)
here <- dirname(normalizePath(sub("^--file=", "", argument)))

cases <- list(
  list(name = "cake", data = "cake", formula = "angle ~ recipe*temperature + (1|recipe:replicate)",
       factors = c("temperature", "replicate"), means = list("recipe", "temperature", c("recipe", "temperature")),
       without = c("temperature", "recipe:temperature")),
  list(name = "cake_unbalanced", data = "cake", formula = "angle ~ recipe*temperature + (1|replicate) + (1|recipe:replicate)",
       factors = c("temperature", "replicate"), every = 4, means = list("recipe", "temperature"),
       without = c("recipe:temperature")),
  list(name = "cake_empty_cell", data = "cake", formula = "angle ~ recipe*temperature + (1|replicate)",
       factors = c("temperature", "replicate"), every = 5, empty = list(recipe = "B", temperature = "225"),
       means = list("recipe", c("recipe", "temperature"))),
  list(name = "cake_sum", data = "cake", formula = "angle ~ recipe*temperature + (1|recipe:replicate)",
       factors = c("temperature", "replicate"), every = 4, contrasts = list(recipe = "sum", temperature = "helmert"),
       means = list("recipe"), without = c("temperature", "recipe:temperature")),
  list(name = "cake_slope", data = "cake", formula = "angle ~ recipe*temp + (1|recipe:replicate)",
       factors = "replicate", every = 4, means = list("recipe"), without = c("recipe", "recipe:temp")),
  list(name = "oats", data = "Oats", formula = "yield ~ nitro + Variety + (1|Block/Variety)",
       factors = "Block", means = list("Variety"), without = "Variety"),
  list(name = "oats_three", data = "Oats", formula = "yield ~ Variety*nitro*I(nitro^2) + (1|Block)",
       factors = "Block", every = 5, means = list("Variety")),
  list(name = "oats_factor", data = "Oats", formula = "yield ~ Variety*nitro + (1|Block/Variety)",
       factors = c("Block", "nitro"), every = 5, means = list("Variety", "nitro"), without = "Variety:nitro"),
  list(name = "oats_centred", data = "Oats", formula = "yield ~ Variety + poly(nitro, 2) + (1|Block)",
       factors = "Block", every = 5, means = list("Variety"), without = "poly(nitro, 2)"),
  list(name = "machines", data = "Machines", formula = "score ~ Machine + (1|Worker) + (1|Worker:Machine)",
       factors = "Worker", means = list("Machine"), without = "Machine"),
  list(name = "machines_slopes", data = "Machines", formula = "score ~ Machine + (Machine|Worker)",
       factors = "Worker", every = 5, means = list("Machine"), without = "Machine"),
  list(name = "radon", data = "radon", formula = "log_radon ~ floor * log_uranium + (1|county)",
       factors = "county", means = list(), without = "floor:log_uranium"),
  list(name = "sleepstudy", data = "sleepstudy", formula = "Reaction ~ Days + I(Days^2) + (Days|Subject)",
       factors = "Subject", means = list(), without = c("Days", "I(Days^2)"))
)

read_table <- function(case) {
  kinds <- setNames(rep("character", length(case$factors)), case$factors)
  table <- read.csv(file.path(here, "data", paste0(case$data, ".csv")), colClasses = kinds)
  text <- vapply(table, is.character, logical(1))
  table[text] <- lapply(table[text], function(column) {
    factor(column, levels = sort(unique(column), method = "radix"))
  })
  keep <- rep(TRUE, nrow(table))
  if (!is.null(case$every)) keep <- seq_len(nrow(table)) %% case$every != 0
  if (!is.null(case$empty)) {
    out <- rep(TRUE, nrow(table))
    for (name in names(case$empty)) out <- out & table[[name]] == case$empty[[name]]
    keep <- keep & !out
  }
  droplevels(table[keep, ])
}

fit_model <- function(case, table) {
  control <- lmerControl(
    optimizer = "bobyqa", optCtrl = list(maxfun = 2e5, rhoend = 1e-9),
    check.conv.singular = "ignore", check.conv.grad = "ignore", check.conv.hess = "ignore"
  )
  codings <- if (is.null(case$contrasts)) NULL else lapply(case$contrasts, function(name) paste0("contr.", name))
  arguments <- list(formula = as.formula(case$formula), data = table, control = control, contrasts = codings)
  do.call(lmerTest::lmer, arguments)
}

anova_table <- function(fit, type, ddf) {
  table <- anova(fit, type = type, ddf = ddf)
  data.frame(
    term = rownames(table), sum_sq = table[["Sum Sq"]], mean_sq = table[["Mean Sq"]],
    df_num = table$NumDF, df_den = table$DenDF, f_value = table[["F value"]], p_value = table[["Pr(>F)"]]
  )
}

# The test of all coefficients of one term, as it is: KRmodcomp's scaled F, and lmerTest's.
f_tests <- function(fit, term) {
  columns <- attr(getME(fit, "X"), "assign") == match(term, attr(terms(fit), "term.labels"))
  rows <- diag(length(columns))[columns, , drop = FALSE]
  rhs <- seq_len(nrow(rows)) / 10
  kr <- KRmodcomp(fit, rows)$stats
  kr_rhs <- contestMD(fit, rows, rhs = rhs, ddf = "Kenward-Roger")
  own <- contestMD(fit, rows)
  own_rhs <- contestMD(fit, rows, rhs = rhs)
  list(
    term = term, columns = which(columns) - 1,
    kenward_roger = c(kr$Fstat, kr$ndf, kr$ddf, kr$p.value, kr$F.scaling),
    satterthwaite = unlist(own[c("F value", "NumDF", "DenDF", "Pr(>F)")], use.names = FALSE),
    rhs = rhs,
    kenward_roger_rhs = unlist(kr_rhs[c("F value", "NumDF", "DenDF", "Pr(>F)")], use.names = FALSE),
    satterthwaite_rhs = unlist(own_rhs[c("F value", "NumDF", "DenDF", "Pr(>F)")], use.names = FALSE)
  )
}

means <- function(fit, specs, table, ddf) {
  grid <- emmeans(fit, specs, data = table, lmer.df = ddf, cov.keep = character(0))
  rows <- as.data.frame(summary(grid, infer = c(TRUE, FALSE)))
  if (nrow(rows) > 6) adjusted <- setNames(list(), character(0)) else adjusted <- lapply(c(tukey = "tukey", holm = "holm", none = "none"), function(adjust) {
    pairs <- as.data.frame(summary(pairs(grid, adjust = adjust), infer = c(TRUE, TRUE)))
    list(contrast = as.character(pairs$contrast), estimate = pairs$estimate, se = pairs$SE, df = pairs$df,
         lower = pairs$lower.CL, upper = pairs$upper.CL, t = pairs$t.ratio, p = pairs$p.value)
  })
  list(
    factors = as.list(specs), ddf = ddf, levels = unname(lapply(rows[specs], as.character)),
    estimate = rows$emmean, se = rows$SE, df = rows$df, lower = rows$lower.CL, upper = rows$upper.CL,
    pairs = adjusted
  )
}

reference <- function(case) {
  table <- read_table(case)
  fit <- fit_model(case, table)
  message(case$name, if (isSingular(fit)) " (singular)" else "")
  ddfs <- c("Satterthwaite", "Kenward-Roger")
  tables <- lapply(c(III = "III", II = "II", I = "I"), function(type) {
    lapply(setNames(ddfs, tolower(ddfs)), function(ddf) anova_table(fit, type, ddf))
  })
  grids <- expand.grid(spec = seq_along(case$means), ddf = tolower(ddfs), stringsAsFactors = FALSE)
  list(
    name = case$name, data = case$data, formula = case$formula, n = nobs(fit), factors = as.list(case$factors),
    every = if (is.null(case$every)) 0 else case$every,
    empty = if (is.null(case$empty)) setNames(list(), character(0)) else case$empty,
    contrasts = if (is.null(case$contrasts)) setNames(list(), character(0)) else case$contrasts,
    criterion = REMLcrit(fit), coefficients = names(fixef(fit)), anova = tables,
    f_tests = lapply(case$without, function(term) f_tests(fit, term)),
    means = lapply(seq_len(nrow(grids)), function(i) means(fit, case$means[[grids$spec[i]]], table, grids$ddf[i]))
  )
}

references <- lapply(cases, reference)
output <- c(commandArgs(trailingOnly = TRUE), file.path(here, "inference.json"))[1]
lines <- vapply(references, toJSON, "", digits = I(12), auto_unbox = TRUE, null = "null", na = "null")
writeLines(c("[", paste0(lines, c(rep(",", length(lines) - 1), "")), "]"), output)
