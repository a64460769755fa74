# SPDX-License-Identifier: Apache-2.0
# The table of Amazon Linux 2 with the number of pods of each instance type, from instance-types.tsv.
BEGIN { FS = "\t"; print "# Pods of each instance type without prefix delegation. Made from instance-types.tsv." }
NR > 2 { print $1, $2 * ($3 - 1) + 2 }
