package webhook

// shipped is the table of the formats that are templates: what the best known
// receivers of messages expect. Each is also a start for an own template.
func shipped() []Format {
	return []Format{
		{
			Name: "discord", About: "a message in a Discord channel",
			Template: Template{Body: `{"username":"Printwire","allowed_mentions":{"parse":[]},"embeds":[{"title":{{toJson (fit 250 .title)}},"description":{{toJson (fit 4000 .message)}},"timestamp":{{toJson .timestamp}}}]}`},
		},
		{
			Name: "slack", About: "a message in a Slack channel",
			Template: Template{Body: `{"text":{{toJson (concat "*" (replace "<" "&lt;" (replace ">" "&gt;" (replace "&" "&amp;" .title))) "*\n" (replace "<" "&lt;" (replace ">" "&gt;" (replace "&" "&amp;" (fit 3500 .message)))))}}}`},
		},
		{
			Name: "mattermost", About: "a message in a Mattermost channel",
			// A name with an @ in it calls nobody: a space without width follows it.
			Template: Template{Body: `{"username":"Printwire","text":{{toJson (concat "**" .title "**\n" (replace "@" "@\u200b" (fit 3500 .message)))}}}`},
		},
		{
			Name: "ntfy", About: "a notification by ntfy; the URL ends with the topic",
			Template: Template{
				Body: `{{fit 3500 .message}}`, ContentType: "text/plain; charset=utf-8",
				Headers: map[string]string{
					"Title":    `{{fit 200 .title}}`,
					"Priority": `{{if eq .event "print_failed" "printer_error" "filament_runout"}}high{{else}}default{{end}}`,
					"Tags":     `{{if eq .event "print_complete"}}white_check_mark{{else if eq .event "print_failed" "printer_error"}}warning{{else}}printer{{end}}`,
				},
			},
		},
		{
			Name: "gotify", About: "a message in Gotify; the URL ends with /message, the header X-Gotify-Key has the application's token",
			Template: Template{Body: `{"title":{{toJson (fit 200 .title)}},"message":{{toJson (fit 4000 .message)}},"priority":{{if eq .event "print_failed" "printer_error" "filament_runout"}}8{{else}}4{{end}}}`},
		},
		{
			Name: "telegram", About: "a message by a Telegram bot; the URL ends with /sendMessage, the variable chat_id says to whom", Variables: []string{"chat_id"},
			Template: Template{Body: `{"chat_id":{{toJson .variables.chat_id}},"text":{{toJson (fit 4000 (concat .title "\n" .message))}},"disable_web_page_preview":true}`},
		},
	}
}
