package compliance

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/store"
)

const namespaceGenerations = "compliance/token"

// Generation gives the generation of a contact's tokens of a use, 0 at first:
// what new ones are minted with, and what a token has to say to be taken.
func (t *Tokens) Generation(ctx context.Context, r *store.Reader, contact audience.ContactID, use TokenUse) (uint16, error) {
	rec, err := r.LoadRecord(ctx, namespaceGenerations, generationKey(contact, use))
	if errors.Is(err, audience.ErrNotFound) {
		return 0, nil
	}
	if err != nil || len(rec.Value) != 2 {
		return 0, err
	}
	return binary.BigEndian.Uint16(rec.Value), nil
}

// EndGeneration ends all of a contact's tokens of a use, such as those that
// open her preferences, from the commit on: after her address changed, for
// example. Unsubscribe tokens have no generation and go on; ending them is
// [audience.ErrInvalid].
func (t *Tokens) EndGeneration(ctx context.Context, tx *store.Tx, contact audience.ContactID, use TokenUse) error {
	if use == TokenUnsubscribe || !use.known() || contact == 0 {
		return &audience.FieldError{Path: "use", Rule: "unknown", Hint: "a contact, and a use whose tokens end"}
	}
	rec, err := tx.LoadRecord(ctx, namespaceGenerations, generationKey(contact, use))
	if err != nil && !errors.Is(err, audience.ErrNotFound) {
		return err
	}
	var n uint16
	if len(rec.Value) == 2 {
		n = binary.BigEndian.Uint16(rec.Value)
	}
	_, err = tx.SaveRecord(ctx, store.Record{
		Namespace: namespaceGenerations, Key: generationKey(contact, use), Version: rec.Version, Contact: contact,
		Value: binary.BigEndian.AppendUint16(nil, n+1),
	})
	if errors.Is(err, audience.ErrConflict) {
		return errors.Join(audience.ErrRetryable, err)
	}
	return err
}

func generationKey(contact audience.ContactID, use TokenUse) string {
	return contact.String() + "/" + string(use)
}
