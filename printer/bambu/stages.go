package bambu

// stageSlug is the stage's slug; "" when idle (-1, 255, and unknown to us: -2),
// "unknown" for an id that the table lacks.
func stageSlug(id int) string { return "" }

// Stages lists the slugs that State.Stage can have, each once.
func Stages() []string { return nil }
