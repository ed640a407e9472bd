# mclust's side of shares.py: me() from partitions at random, one fit for each seed.
suppressMessages(library(mclust))
arguments <- commandArgs(trailingOnly = TRUE)
MODELS <- list(full = c("V", "VVV"), diag = c("V", "VVI"), iso = c("V", "VII"),
               tied = c("E", "EEE"), shared_diag = c("E", "EEI"), shared_iso = c("E", "EII"))

# The prior of the problem, as mclust asks for one. Its own defaultPrior() keeps the dof whatever it is told.
stated <- NULL
stated_prior <- function(data, G, modelName, ...) stated

# A line for each seed: iterations, weights, means and covariances (k, d, d); NA where a fit failed.
solve_problem <- function(problem) {
  # Each line of the problem: a name, then numbers.
  value <- function(name) as.numeric(problem[[name]])
  n <- value("n"); d <- value("d"); k <- value("k")
  model <- MODELS[[problem$family]][min(d, 2)]
  rows <- matrix(value("rows"), n, d, byrow = TRUE)
  control <- emControl(tol = rep(value("tolerance"), 2), itmax = rep(value("max_iterations"), 2))
  prior <- NULL
  if (!is.null(problem$kappa)) {
    scale <- value("scale")
    stated <<- list(shrinkage = value("kappa"), mean = value("mean"), dof = value("dof"),
                    scale = if (length(scale) > 1) matrix(scale, d, d) else scale)
    prior <- priorControl(functionName = "stated_prior")
  }
  sapply(seq_len(value("restarts")) - 1, function(seed) {
    nothing <- rep(NA_real_, 1 + k * (1 + d + d * d))
    # What Mclust(initialization = list(hcPairs = hcRandomPairs(data, seed))) starts from.
    classes <- if (k == 1) rep(1, n) else hclass(hcRandomPairs(rows, seed = seed), k)
    fit <- try(me(rows, modelName = model, z = unmap(classes), prior = prior, control = control, warn = FALSE),
               silent = TRUE)
    if (inherits(fit, "try-error") || !is.finite(fit$loglik)) return(nothing)
    variance <- fit$parameters$variance
    covariances <- if (d == 1) rep(variance$sigmasq, length.out = k) else variance$sigma
    c(abs(attr(fit, "info")[["iterations"]]), fit$parameters$pro, fit$parameters$mean, covariances)
  })
}

input <- file("stdin", "r")
cat("ready mclust", as.character(packageVersion("mclust")), "\n")
while (length(line <- readLines(input, n = 1)) > 0) {
  lines <- strsplit(readLines(arguments[1]), " ")
  problem <- setNames(lapply(lines, `[`, -1), sapply(lines, `[`, 1))
  writeBin(as.double(solve_problem(problem)), arguments[2], endian = "little")
  cat("done\n")
}
