// SPDX-License-Identifier: Apache-2.0

// Package view groups the rows of a table, counts what is in each group, sorts the groups and cuts the list.
//
// What is asked is declared: a Key is something that rows can be grouped by, a Value what is counted of the rows of a
// group, a Condition which of them count, and a Measure a Value with its name and unit. A View is a table with its keys
// and measures. All work on columns: a batch of rows becomes the numbers of the groups that its rows belong to, and
// each value is counted from the batch with these numbers.
//
// Nothing here prints. A Result gives cells, as text for people and as values for JSON.
package view
