# Writes what arm::display prints for some models, each under a line "## name". Needs r-cran-arm.
#
#   Rscript tests/reference/display.R [FILE]      (FILE: display.txt beside this script)

suppressMessages({
  library(arm)
  library(lme4)
})

argument <- grep("^--file=", commandArgs(), value = TRUE)
here <- dirname(normalizePath(sub("^--file=", "", argument)))
read <- function(name, factors) {
  table <- read.csv(file.path(here, "data", paste0(name, ".csv")))
  for (column in factors) {
    values <- as.character(table[[column]])
    table[[column]] <- factor(values, levels = sort(unique(values), method = "radix"))
  }
  table
}
radon <- read("radon", "county")
radon$`upper floor` <- radon$floor
radon$w <- radon$log_radon_gh + 3
sleepstudy <- read("sleepstudy", "Subject")
machines <- read("Machines", c("Worker", "Machine"))
dyestuff2 <- read("Dyestuff2", "Batch")
oats <- read("Oats", c("Block", "Variety"))
oats$plots <- oats$nitro + 1

models <- alist(
  lecture_first = lmer(log(pmax(radon, 0.1)) ~ 1 + (1 | county), radon),
  lecture_second = lmer(log(radon + 0.1) ~ 1 + floor + (1 | county), radon),
  ml = lmer(log(radon + 0.1) ~ floor + (1 | county), radon, REML = FALSE),
  slope = lmer(log(radon + 0.1) ~ floor + (1 + floor | county), radon),
  independent_slope =
    lmer(log(radon + 0.1) ~ floor + (1 | county) + (0 + floor | county), radon),
  slope_first =
    lmer(log(radon + 0.1) ~ floor + (0 + floor | county) + (1 | county), radon),
  small_correlation = lmer(Reaction ~ Days + (Days | Subject), sleepstudy),
  slope_only = lmer(Reaction ~ Days + (0 + Days | Subject), sleepstudy),
  standardised =
    lmer(Reaction ~ poly(Days, 2) + (scale(Days) | Subject), sleepstudy),
  three_effects = lmer(score ~ Machine + (Machine | Worker), machines),
  three_cells = lmer(score ~ Machine + (0 + Machine | Worker), machines),
  boundary = lmer(Yield ~ 1 + (1 | Batch), dyestuff2),
  negative_criterion = lmer(Reaction / 1e6 ~ Days + (1 | Subject), sleepstudy),
  large_numbers = lm(Reaction * 1e6 ~ Days, sleepstudy),
  scientific = lm(Reaction * 1e12 ~ Days, sleepstudy),
  weights_and_offset = lmer(log(radon + 0.1) ~ floor + (1 | county), radon,
    REML = FALSE, weights = w, offset = log_uranium),
  contrasts = lmer(yield ~ nitro + Variety + (1 | Block), oats,
    contrasts = list(Variety = "contr.sum")),
  # With nitro itself one estimate is -5.375 exactly: its last digit here would be one of rounding.
  several_contrasts_and_a_long_call = lmer(yield ~ I(10 * nitro) * Variety + (1 | Block), oats,
    REML = FALSE, contrasts = list(Block = "contr.helmert", Variety = "contr.helmert")),
  back_quotes = lmer(log(radon + 0.1) ~ `upper floor` * log_uranium + (1 | county), radon),
  broken_after_a_sum = lmer(log(pmax(radon, 0.1)) ~ floor + log_uranium + floor:log_uranium +
    (1 | county), radon),
  broken_after_the_tilde = lmer(log(pmax(pmin(radon, 48.2), 0.1) + 0 * log_uranium * 200) ~
    poly(log_uranium, 2, raw = TRUE) + I(floor^2 + log_uranium * floor + 1) + (1 | county), radon),
  broken_within_the_response = lmer(log(radon + 0.1 + 0 * log_uranium + 0 * floor + 0 * log_radon) ~
    (floor + log_uranium)^2 + (1 | county), radon),
  least_squares = lm(log(radon + 0.1) ~ floor, radon),
  least_squares_of_a_mean = lm(log(radon + 0.1) ~ 1, radon),
  least_squares_without_intercept = lm(Reaction ~ 0 + Days, sleepstudy),
  least_squares_of_cells = lm(yield ~ 0 + Variety, oats),
  least_squares_weighted = lm(yield ~ Variety, oats, weights = plots),
  least_squares_of_weighted_cells = lm(yield ~ 0 + Variety, oats, weights = plots,
    contrasts = list(Block = "contr.sum")),
  least_squares_aliased = lm(log(radon + 0.1) ~ floor + I(2 * floor), radon)
)

output <- unlist(lapply(names(models), function(name) {
  fit <- suppressWarnings(suppressMessages(eval(models[[name]])))
  c(paste("##", name), capture.output(display(fit)))
}))
writeLines(output, c(commandArgs(trailingOnly = TRUE), file.path(here, "display.txt"))[1])
