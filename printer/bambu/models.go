package bambu

// Model is one row of the table of models.
type Model struct {
	// Name is the short name ("X1C", "A1 mini").
	Name string
}

// Models lists all models that this family knows.
func Models() []Model { return nil }
