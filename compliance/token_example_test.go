package compliance_test

import (
	"context"
	"fmt"

	"github.com/audiencekit/audiencekit/audience"
	"github.com/audiencekit/audiencekit/compliance"
	"github.com/audiencekit/audiencekit/store"
	"github.com/audiencekit/audiencekit/store/memstore"
)

func ExampleTokens() {
	ctx := context.Background()
	keys, _ := audience.NewKeys("2026", map[string][]byte{"2026": []byte("thirty-two random bytes or more!")})
	aud, _ := store.Open(ctx, memstore.New(), "main", store.Options{Keys: keys})
	tokens, err := compliance.NewTokens(aud)
	if err != nil {
		fmt.Println(err)
		return
	}
	token, _ := tokens.Mint(compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: 7, Scope: audience.MarketingScope()})
	claims, err := tokens.Verify(token, compliance.TokenUnsubscribe)
	fmt.Println(claims.Contact, claims.Scope, err)

	_, err = tokens.Verify(token, compliance.TokenConfirm) // another use
	fmt.Println(err)

	local, _ := tokens.MintMailto(compliance.Claims{Use: compliance.TokenUnsubscribe, Contact: 7, Scope: audience.MarketingScope()})
	claims, err = tokens.Verify(local, compliance.TokenUnsubscribe)
	fmt.Println(len(local), claims.Contact, claims.Scope, err)
	// Output:
	// 7 email/marketing/* <nil>
	// token not valid
	// 55 7 email/marketing/* <nil>
}
