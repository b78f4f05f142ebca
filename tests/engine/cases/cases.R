# Writes cases: value expressions and what R computed for them. Sourced by the scripts beside it.
# Rscript <script>.R > <script>.toml, run in this folder.
options(digits = 17, warn = -1)
script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))

input <- function(data) {
  names <- paste("double", names(data), collapse = " ")
  rows <- apply(data, 1, function(row) paste(ifelse(is.na(row), ".", format(row, digits = 15, trim = TRUE, scientific = FALSE)), collapse = " "))
  paste(c(paste("input", names), rows, "end"), collapse = "\n")
}

case <- function(command, id, do, ..., rtol = NULL, with = "") {
  values <- c(...)
  cat(sprintf("\n[[case]]\nid = \"%s\"\ncommand = \"%s\"\n", id, command))
  cat(sprintf("source = \"R %s, Rscript %s%s\"\n", getRversion(), basename(script), if (nchar(with)) paste0("; ", with) else ""))
  if (!is.null(rtol)) cat(sprintf("rtol = %g\n", rtol))
  cat(sprintf("do = '''\n%s\n'''\n[case.value]\n", do))
  for (name in names(values)) {
    value <- unname(values[name])
    text <- if (value == round(value) && abs(value) < 1e9) sprintf("%.1f", value) else sprintf("%.15g", value)
    cat(sprintf("'%s' = %s\n", name, text))
  }
}

cars <- mtcars[, c("mpg", "cyl", "hp", "wt", "am", "carb", "gear", "vs", "qsec", "disp")]
cars_input <- input(cars)
named <- function(prefix, values, names) setNames(values, sprintf("%s[%s]", prefix, names))
