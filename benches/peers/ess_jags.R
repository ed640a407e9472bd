# JAGS's side of gibbs.py: the conjugate model with allocations, its samplers all of Gibbs type. JAGS knows no conjugate
# draw of a precision that stands scaled in another density, so the prior of the means is written by a shift.
suppressMessages(library(rjags))
arguments <- commandArgs(trailingOnly = TRUE)
problem <- readLines(arguments[1])
output <- arguments[2]
# Each line of the problem: a name, then numbers.
value <- function(name) as.numeric(strsplit(grep(paste0("^", name, " "), problem, value = TRUE), " ")[[1]][-1])
d <- value("d"); k <- value("k"); n <- value("n")
chains <- value("chains"); warmup <- value("warmup"); draws <- value("draws")
matrices <- function(name) array(value(name), c(d, d, k))
data <- list(x = matrix(value("rows"), n, d, byrow = TRUE), n = n, k = k, alpha = value("concentration"),
             m0 = value("mean"), zero = rep(0, d), kappa = value("kappa"),
             dof = value("dof"), scale = matrix(value("scale"), d, d))
model <- "model {
  weights ~ ddirch(alpha)
  for (c in 1:k) {
    precision[c, 1:2, 1:2] ~ dwish(scale, dof)
    shift[c, 1:2] ~ dmnorm(zero, precision[c, , ])
    means[c, 1:2] <- m0 + shift[c, ] / sqrt(kappa)
  }
  for (i in 1:n) {
    z[i] ~ dcat(weights)
    x[i, 1:2] ~ dmnorm(means[z[i], ], precision[z[i], , ])
  }
}"
model <- gsub("1:2", paste0("1:", d), model)
precision <- aperm(array(apply(matrices("covariances"), 3, solve), c(d, d, k)), c(3, 1, 2))
shift <- sqrt(data$kappa) * sweep(matrix(value("means"), k, d, byrow = TRUE), 2, data$m0)
start <- list(weights = value("weights"), shift = shift, precision = precision,
              .RNG.name = "base::Mersenne-Twister")

input <- file("stdin", "r")
cat("ready JAGS", as.character(jags.version()), "\n")
while (length(line <- readLines(input, n = 1)) > 0) {
  inits <- lapply(seq_len(chains), function(c) c(start, .RNG.seed = 1000 * as.integer(line) + c))
  sampler <- jags.model(textConnection(model), data, inits, n.chains = chains, n.adapt = 0, quiet = TRUE)
  begun <- Sys.time()
  update(sampler, warmup, progress.bar = "none")
  warm <- Sys.time()
  drawn <- jags.samples(sampler, c("weights", "means", "precision"), draws, progress.bar = "none")
  done <- Sys.time()
  # Variables first, then draws and chains; the file has chain by chain, draw by draw, one block for each variable.
  drawn$precision <- aperm(drawn$precision, c(3, 2, 1, 4, 5))
  drawn$means <- aperm(drawn$means, c(2, 1, 3, 4))
  writer <- file(output, "wb")
  for (name in c("weights", "means", "precision")) writeBin(as.double(drawn[[name]]), writer, endian = "little")
  close(writer)
  seconds <- function(from, to) format(as.numeric(to - from, units = "secs"), digits = 17)
  cat(seconds(begun, warm), seconds(warm, done), "\n")
}
