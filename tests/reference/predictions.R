# The line of every county on both floors, log(radon + 0.1) ~ floor + (1 | county) by REML, with its
# joint standard error (fixed and random effects together: the inverse of Henderson's mixed-model
# equations) and the predictive standard deviation of one house. lme4 has no function for these.
#
#   Rscript tests/reference/predictions.R [FILE]      (FILE: data/ref_M1_plus01_county_predictions.csv)

suppressPackageStartupMessages(library(lme4))

argument <- grep("^--file=", commandArgs(), value = TRUE)
here <- dirname(normalizePath(sub("^--file=", "", argument)))

survey <- file.path(here, "..", "..", "service", "radon", "data", "minnesota-radon.csv")
radon <- read.csv(survey)
levels <- sort(unique(radon$county), method = "radix")
radon$county <- factor(radon$county, levels = levels)
fit <- lmer(
  log(radon + 0.1) ~ floor + (1 | county), radon,
  control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9))
)

design <- cbind(getME(fit, "X"), as.matrix(getME(fit, "Z")))
equations <- crossprod(design) / sigma(fit)^2
random <- 2 + seq_along(levels)
variance <- VarCorr(fit)$county[1, 1]
equations[random, random] <- equations[random, random] + diag(1 / variance, length(levels))
covariance <- solve(equations)

lines <- expand.grid(floor = 0:1, county = levels)
rows <- cbind(1, lines$floor, diag(length(levels))[as.integer(lines$county), ])
se <- sqrt(rowSums((rows %*% covariance) * rows))
result <- data.frame(
  county = lines$county, floor = lines$floor,
  mu = drop(rows %*% c(fixef(fit), ranef(fit)$county[[1]])), se = se, S = sqrt(se^2 + sigma(fit)^2)
)
kept <- file.path(here, "data", "ref_M1_plus01_county_predictions.csv")
output <- c(commandArgs(trailingOnly = TRUE), kept)[1]
write.csv(result, output, row.names = FALSE)
