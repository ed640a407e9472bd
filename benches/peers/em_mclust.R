# mclust's side of compare.py: me(), a difference of two runs, since it tells no times within one.
suppressMessages(library(mclust))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
n <- as.integer(arguments[2]); d <- as.integer(arguments[3]); k <- as.integer(arguments[4])
shape <- arguments[5]; iterations <- as.integer(arguments[6])
model <- c(full = "VVV", diagonal = "VVI", isotropic = "VII")[[shape]]
numbers <- function(name, count) readBin(file.path(folder, name), "double", count, endian = "little")
rows <- matrix(numbers("rows.f64", n * d), n, d, byrow = TRUE)
start <- numbers("start.f64", k + k * d + d)
weights <- start[1:k]
means <- matrix(start[k + 1:(k * d)], d, k)
variances <- start[k + k * d + 1:d]
variance <- switch(shape,
  full = list(modelName = model, d = d, G = k, sigma = array(diag(variances, d), c(d, d, k)),
              cholsigma = array(diag(sqrt(variances), d), c(d, d, k))),
  diagonal = list(modelName = model, d = d, G = k, scale = rep(exp(mean(log(variances))), k),
                  shape = matrix(variances / exp(mean(log(variances))), d, k)),
  isotropic = list(modelName = model, d = d, G = k, sigmasq = rep(variances[1], k)))
z <- estep(rows, modelName = model, parameters = list(pro = weights, mean = means, variance = variance))$z
rm(start)

# An iteration of me() is an M-step and an E-step: the log-likelihood is that of the parameters after the last one.
timed <- function(iterations) {
  control <- emControl(eps = 0, tol = c(0, 0), itmax = c(iterations, iterations))
  begun <- Sys.time()
  fit <- me(rows, modelName = model, z = z, control = control, warn = FALSE)
  seconds <- as.numeric(Sys.time() - begun, units = "secs")
  if (abs(attr(fit, "info")[["iterations"]]) != iterations || !is.finite(fit$loglik)) stop("mclust stopped early")
  list(seconds = seconds, loglik = fit$loglik)
}

input <- file("stdin", "r")
cat("ready mclust", as.character(packageVersion("mclust")), "\n")
while (length(line <- readLines(input, n = 1)) > 0) {
  repeats <- as.integer(line)
  total <- 0
  for (i in seq_len(repeats)) {
    short <- timed(1)
    long <- timed(1 + iterations)
    total <- total + (long$seconds - short$seconds) / iterations
  }
  cat(format(total / repeats, digits = 17), " 1=", format(short$loglik, digits = 17), " ", iterations + 1, "=",
      format(long$loglik, digits = 17), "\n", sep = "")
}
