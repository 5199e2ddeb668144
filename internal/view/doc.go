// SPDX-License-Identifier: Apache-2.0

// Package view groups the rows of a table, aggregates each group, sorts the groups and returns the first of them.
//
// Views are declarations. A Key is something that rows can be grouped by, a Value is aggregated over the rows of a
// group, a Condition selects the rows that a value aggregates, and a Measure is a Value with a name and a unit. A View
// is a table with its keys and measures.
//
// Everything works on columns: the keys map each row of a batch to the number of its group, and then each value
// aggregates its column of the batch by these numbers. Each worker numbers the groups of one capture for itself. At the
// end the groups of all workers and captures are merged by the texts of their keys.
//
// Nothing here prints. View.Cells gives the groups of a Result as text for tables, View.Fields as values for JSON.
package view
