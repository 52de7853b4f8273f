// Package campaign is what the long tests share: how much of a campaign a run
// of the tests does, the record that a client keeps of what it sent, and the
// reckoning of that record with what a server has stored.
//
//	client ─▶ Journal.Sending, synced ─▶ request ─▶ Journal.Answered, synced
//	                                                      │
//	                 what is stored ─▶ Record.Reckon ◀─ Read
//
// A campaign is a test whose name begins with TestCampaign. It is short in an
// ordinary run, and long where INVOQ_CAMPAIGN is set; docs/campaigns.md lists
// them.
//
// The reckoning is: what was acknowledged is stored, what is stored was sent,
// everything is stored once and says what was sent, and the quantities add up
// to the last digit. What was sent and never acknowledged may be stored or not.
//
// The package knows no server: a journal is a file, and what is stored is
// handed in.
package campaign
