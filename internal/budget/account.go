// SPDX-License-Identifier: Apache-2.0

package budget

// Account is memory of a budget that grows.
type Account struct {
	budget   *Budget
	what     string
	reserved int64
}

// AccountStep is how many rows are added to what an Account is of before Set is called again. A batch has up to a
// million, and each may take more than it does in the capture.
const AccountStep = 1 << 10

// Account returns an account of what is named in its error, such as "the tasks of the capture".
func (b *Budget) Account(what string) *Account { return &Account{budget: b, what: what} }

// Set says how many bytes it is now; fewer than before change nothing. It returns an error if there is no room.
func (a *Account) Set(bytes int64) error {
	more := bytes - a.reserved
	if more <= 0 {
		return nil
	}
	if err := a.budget.Reserve(a.what, more); err != nil {
		return err
	}
	a.reserved = bytes
	return nil
}

// Release gives back all of it.
func (a *Account) Release() { a.budget.Release(a.reserved) }
