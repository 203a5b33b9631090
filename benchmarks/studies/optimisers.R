# Every optimiser of lme4's allFit on every data set. Arguments: the folder with sets.json, and where
# to write what was found, as JSON.

suppressPackageStartupMessages({
  library(lme4)
  library(jsonlite)
})

folder <- commandArgs(trailingOnly = TRUE)[1]
sets <- fromJSON(file.path(folder, "sets.json"), simplifyVector = FALSE)
optimisers <- as.data.frame(lme4:::meth.tab.0)
needed <- c(nmkbw = "dfoptim", optimx = "optimx")
there <- vapply(optimisers$optimizer, function(name) {
  package <- needed[name]
  is.na(package) || requireNamespace(package, quietly = TRUE)
}, logical(1))
optimisers <- optimisers[there, ]
names <- ifelse(optimisers$method == "", optimisers$optimizer,
  paste(optimisers$optimizer, optimisers$method, sep = "."))

controls <- lapply(seq_len(nrow(optimisers)), function(i) {
  own <- optimisers[i, ]
  options <- list()
  if (own$optimizer == "optimx") options <- list(method = own$method)
  if (own$optimizer == "nloptwrap") options <- list(algorithm = own$method)
  lmerControl(optimizer = own$optimizer, optCtrl = options)
})
controls <- c(list(lmerControl()), controls)  # the default first
names <- c("lme4's default", names)

load_table <- function(set) {
  table <- read.csv(file.path(folder, set$file))
  for (name in unlist(set$factors)) table[[name]] <- factor(table[[name]])
  if (!is.null(set$weights)) table$.weights <- table[[set$weights]]
  table
}

run <- function(set, table, control) {
  heard <- character()
  start <- Sys.time()
  model <- tryCatch(
    withCallingHandlers(
      if (is.null(set$weights)) {
        lmer(as.formula(set$formula), table, REML = set$reml, control = control)
      } else {
        lmer(as.formula(set$formula), table, REML = set$reml, control = control, weights = .weights)
      },
      warning = function(w) {
        heard <<- c(heard, conditionMessage(w))
        invokeRestart("muffleWarning")
      },
      message = function(m) invokeRestart("muffleMessage")
    ),
    error = function(e) conditionMessage(e)
  )
  seconds <- as.numeric(Sys.time() - start, units = "secs")
  if (is.character(model)) return(list(failed = model, seconds = seconds))
  heard <- unique(c(heard, unlist(model@optinfo$conv$lme4$messages)))
  heard <- heard[!grepl("singular", heard)]  # said of a boundary, which is no failure
  alarm <- grepl("converge|unidentifiable|degenerate|gradient|Hessian", heard)
  list(
    criterion = if (set$reml) REMLcrit(model) else deviance(model),
    theta = unname(getME(model, "theta")), alarms = sum(alarm), warnings = length(heard), seconds = seconds
  )
}

invisible(capture.output(example <- lmer(Reaction ~ Days + (Days | Subject), sleepstudy)))
found <- lapply(sets, function(set) {
  table <- load_table(set)
  setNames(lapply(controls, function(control) run(set, table, control)), names)
})
versions <- c(lme4 = format(packageVersion("lme4")), R = paste(R.version$major, R.version$minor, sep = "."))
write_json(list(versions = as.list(versions), found = found), file.path(folder, "found.json"),
  digits = 17, auto_unbox = TRUE, null = "null")
