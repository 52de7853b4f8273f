# Writes golden_forecast.json: figures and paths by R 4.2.2 with forecast 8.20.
#
#     Rscript golden.R > golden_forecast.json
#
# The series are composed: any program can make them again from the formulas.
suppressMessages(library(forecast))

t <- 0:95
season <- round(100 + 0.5 * t + 20 * sin(2 * pi * t / 12) + 12 * ((t * 7919) %% 101 / 101 - 0.5), 2)
demand <- sapply(0:59, function(t) if ((t * 37) %% 11 < 3) 1 + (t * 13) %% 5 else 0)
monthly <- ts(season, frequency = 12)

# Regression on lags 1 and 2 by least squares, iterated over 12 steps.
n <- length(season)
fit <- lm(season[3:n] ~ season[2:(n - 1)] + season[1:(n - 2)])
x <- season
for (h in 1:12) x <- c(x, sum(coef(fit) * c(1, x[length(x)], x[length(x) - 1])))

list_json <- function(v) paste0("[", paste(format(as.numeric(v), digits = 15, trim = TRUE), collapse = ","), "]")
# Damped trend with a multiplicative season, given parameters and first states
# (level, trend, figures with the latest first). statsmodels divides by another
# level in the season's update; R does as the book says.
figures <- 1 + c(18, 9, -3, -12, -18, -15, -9, 0, 6, 9, 12, 3) / 100
states <- forecast:::pegelsresid.C(monthly, 12, c(95, 0.4, rev(figures)), "A", "A", "M", TRUE,
  0.3, 0.05, 0.15, 0.9, 3)
last <- states$states[nrow(states$states), ]
multiplicative <- sapply(1:24, function(h) {
  (last[1] + last[2] * sum(0.9^(1:h))) * rev(last[3:14])[(h - 1) %% 12 + 1]
})

out <- list(
  season = list_json(season),
  demand = list_json(demand),
  classical = list_json(decompose(monthly)$figure),
  croston = list_json(croston(demand, h = 1, alpha = 0.1)$mean),
  seasonal_naive = list_json(snaive(monthly, h = 24)$mean),
  autoregression = list_json(tail(x, 12)),
  multiplicative = list_json(multiplicative),
  theta = list_json(thetaf(ts(season), h = 12)$mean)
)
cat("{\"tool\": \"", R.version$major, ".", R.version$minor, ", forecast ",
  as.character(packageVersion("forecast")), "\"", sep = "")
for (name in names(out)) cat(",\n\"", name, "\": ", out[[name]], sep = "")
cat("\n}\n")
