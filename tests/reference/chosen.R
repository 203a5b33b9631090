# Lines that count only some of the random effects: predict(fit, re.form = ...) of lme4, with their
# standard errors from the inverse of Henderson's mixed-model equations (predict() of this lme4 has
# none), the columns of Z that are left out being zero. And models with ave() in the formula.
# Writes chosen.json.
#
#   Rscript tests/reference/chosen.R [FILE]        (FILE: chosen.json beside this script)

suppressPackageStartupMessages({
  library(lme4)
  library(jsonlite)
})

argument <- grep("^--file=", commandArgs(), value = TRUE)
here <- dirname(normalizePath(sub("^--file=", "", argument)))
output <- c(commandArgs(trailingOnly = TRUE), file.path(here, "chosen.json"))[1]
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
  table
}
# An offset goes into the formula: predict() forgets one that is an argument.
fitted_to <- function(table, formula, weights = NULL, offset = NULL) {
  if (!is.null(offset)) formula <- paste0(formula, " + offset(", offset, ")")
  do.call(lmer, list(
    formula = as.formula(formula), data = table, control = control,
    weights = if (!is.null(weights)) as.name(weights)
  ))
}

# Which columns of Z a formula of random terms names.
counted <- function(fit, terms, table) {
  groups <- names(getME(fit, "cnms"))
  ends <- getME(fit, "Gp")
  keep <- logical(ends[length(ends)])
  for (bar in findbars(as.formula(paste("~", paste(terms, collapse = "+"))))) {
    effects <- colnames(model.matrix(as.formula(call("~", bar[[2]])), table))
    for (t in which(groups == deparse(bar[[3]]) | sub("\\.[0-9]+$", "", groups) == deparse(bar[[3]]))) {
      own <- getME(fit, "cnms")[[t]]
      span <- (ends[t] + 1):ends[t + 1]
      keep[span] <- keep[span] | rep(own %in% effects, length.out = length(span))
    }
  }
  keep
}

lines_of <- function(name, formula, choices, weights = NULL, offset = NULL) {
  table <- read_table(name)
  fit <- fitted_to(table, formula, weights, offset)
  rows <- unique(round(seq(1, nrow(table), length.out = 12)))
  x <- getME(fit, "X")
  z <- getME(fit, "Z")
  scaled <- cbind(x, as.matrix(z %*% getME(fit, "Lambda")))
  penalty <- diag(rep(0:1, c(ncol(x), ncol(z))))
  covariance <- sigma(fit)^2 * solve(crossprod(scaled * sqrt(weights(fit))) + penalty)
  message(name, " ", formula)
  list(
    data = name, formula = formula, weights = weights, offset = offset, rows = rows - 1,
    choices = lapply(choices, function(terms) {
      keep <- if (length(terms)) counted(fit, terms, table) else logical(ncol(z))
      left <- as.matrix(z[rows, , drop = FALSE])
      left[, !keep] <- 0
      wide <- cbind(x[rows, , drop = FALSE], as.matrix(left %*% getME(fit, "Lambda")))
      form <- if (length(terms)) as.formula(paste("~", paste(terms, collapse = "+"))) else NA
      line <- drop(wide %*% c(fixef(fit), getME(fit, "u"))) + getME(fit, "offset")[rows]
      # predict() of lme4 1.1-31 stops at contrasts where Machine varies and is left out.
      answer <- tryCatch(unname(predict(fit, table, re.form = form)[rows]), error = function(e) NULL)
      if (is.null(answer)) message("  no answer for ", deparse(form)) else stopifnot(all.equal(answer, unname(line)))
      list(
        terms = as.list(terms), estimate = unname(line),
        std_error = sqrt(rowSums((wide %*% covariance) * wide))
      )
    })
  )
}

# With the group mean in the table as a column of its own: the same model, whose new rows say it.
contextual <- function(formula, groups, column, inner) {
  table <- read_table("radon")
  fit <- fitted_to(table, formula)
  table$group_mean <- do.call(ave, c(list(table[[column]]), unname(table[groups])))
  explicit <- fitted_to(table, inner)
  stopifnot(all.equal(unname(fixef(fit)), unname(fixef(explicit)), tolerance = 1e-6))
  new <- data.frame(county = "NOWHERE", floor = 0:1, log_uranium = 0.5, group_mean = 0.3)
  message(formula)
  list(
    formula = formula, coefficients = names(fixef(fit)), beta = unname(fixef(fit)),
    covariance = unname(as.matrix(vcov(fit))), theta = unname(getME(fit, "theta")),
    sigma = sigma(fit), criterion = REMLcrit(fit), fitted_head = unname(fitted(fit)[1:8]),
    new = unname(predict(explicit, new, allow.new.levels = TRUE))
  )
}

result <- list(
  lme4 = as.character(packageVersion("lme4")),
  lines = list(
    lines_of("radon", "log_radon ~ floor + (1 | county)", list("(1 | county)", character())),
    lines_of("radon", "log_radon_gh ~ floor + (1 + floor | county)", list(
      "(1 + floor | county)", "(1 | county)", "(0 + floor | county)", character()
    )),
    lines_of("sleepstudy", "Reaction ~ Days + (Days || Subject)", list(
      "(1 + Days | Subject)", "(1 | Subject)", "(0 + Days | Subject)", character()
    )),
    lines_of("Penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)", list(
      c("(1 | plate)", "(1 | sample)"), "(1 | plate)", "(1 | sample)", character()
    )),
    lines_of("Machines", "score ~ Machine + (1 | Worker) + (1 | Worker:Machine)", list(
      "(1 | Worker)", "(1 | Worker:Machine)", character()
    )),
    lines_of("Machines", "score ~ Machine + (Machine | Worker)", list(
      "(Machine | Worker)", "(1 | Worker)", character()
    )),
    lines_of("Pastes", "strength ~ 1 + (1 | batch/cask)", list("(1 | batch)", "(1 | cask:batch)")),
    lines_of("cake", "angle ~ recipe + (1 | replicate)", list("(1 | replicate)", character()), "temp"),
    lines_of("radon", "log_radon ~ floor + (1 | county)", list("(1 | county)", character()), NULL, "log_uranium")
  ),
  means = list(
    contextual(
      "log_radon ~ floor + ave(floor, county) + (1 | county)", "county", "floor",
      "log_radon ~ floor + group_mean + (1 | county)"
    ),
    contextual(
      "log_radon ~ I(floor - ave(floor, county)) + ave(floor, county) + (1 | county)", "county", "floor",
      "log_radon ~ I(floor - group_mean) + group_mean + (1 | county)"
    ),
    contextual(
      "log_radon ~ floor * ave(floor, county) + log_uranium + (1 + floor | county)", "county", "floor",
      "log_radon ~ floor * group_mean + log_uranium + (1 + floor | county)"
    ),
    contextual(
      "log_radon ~ floor + poly(ave(floor, county), 2) + (1 | county)", "county", "floor",
      "log_radon ~ floor + poly(group_mean, 2) + (1 | county)"
    ),
    contextual(
      "log_radon ~ floor + ave(log_uranium, county, floor) + (1 | county)", c("county", "floor"), "log_uranium",
      "log_radon ~ floor + group_mean + (1 | county)"
    )
  )
)
write_json(result, output, auto_unbox = TRUE, digits = NA, null = "null", pretty = 1)
