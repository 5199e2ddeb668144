# SPDX-License-Identifier: Apache-2.0
# From the output of skipped.awk: each reason once, with the first three tests skipped for it and the number of others.
{
	name = $0; sub(/: .*/, "", name)
	why = substr($0, length(name) + 3)
	if (!(why in tests)) order[++reasons] = why
	tests[why]++
	first[why] = first[why] (tests[why] == 1 ? "" : tests[why] <= 3 ? ", " : "") (tests[why] <= 3 ? name : "")
}
END {
	for (i = 1; i <= reasons; i++) {
		why = order[i]
		more = tests[why] > 3 ? sprintf(" and %d more", tests[why] - 3) : ""
		printf "  %s: %s%s\n", why, first[why], more
	}
}
