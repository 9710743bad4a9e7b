package auth

// CloudState is whether the owner of a key is signed in to the maker's cloud.
type CloudState uint8

// The states.
const (
	CloudSignedOut CloudState = iota
	CloudExpired
	CloudSignedIn
)

// CloudFences are what must hold before a cloud route answers, asked in this
// order: the key has an owner, the owner opted in, the owner is signed in. The
// error is a Refusal; state is asked only when the first two hold.
func CloudFences(id Identity, state func(owner string) CloudState) error {
	if id.Owner == "" {
		return refuse(Ownerless)
	}
	if !id.Has(CloudRead) {
		r := refuse(Forbidden)
		r.cause = r.cause.WithHint("enable cloud access on the key: it needs the scope %s", CloudRead)
		return r
	}
	switch state(id.Owner) {
	case CloudSignedIn:
		return nil
	case CloudExpired:
		return refuse(CloudOver)
	default:
		return refuse(CloudOut)
	}
}
