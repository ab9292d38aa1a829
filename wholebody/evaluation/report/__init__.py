"""`report.html`: the dictionary of metrics.json and the pictures of people as one page. Measures nothing."""
