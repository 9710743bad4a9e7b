package httpapi

// pages are the pages of OAuth.
const pages = `{{define "head"}}<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Printwire</title><style>body{font:16px system-ui;max-width:28rem;margin:3rem auto;padding:0 1rem}label{display:block;margin:.6rem 0}
input[type=text],input[type=password]{width:100%;font:inherit;padding:.4rem}button{font:inherit;padding:.5rem 1rem;margin-right:.5rem}.wrong{color:#b00020}</style>
<h1>Printwire</h1>{{end}}
{{define "sign-in"}}{{template "head"}}{{with .Wrong}}<p class="wrong">{{.}}</p>{{end}}
<form method="post" action="/oauth/login"><input type="hidden" name="next" value="{{.Next}}">
<label>Name<input type="text" name="name" autocomplete="username" required></label>
<label>Password<input type="password" name="password" autocomplete="current-password" required></label>
<button>Sign in</button></form>{{end}}
{{define "consent"}}{{template "head"}}<p><b>{{.Consent.Client.Name}}</b> asks {{.Who}} for access{{with .Consent.UserCode}}, for the device with the code <b>{{.}}</b>{{end}}:</p>
{{range .Consent.Warnings}}<p class="wrong">{{.}}</p>{{end}}
<form method="post" action="/oauth/authorize"><input type="hidden" name="consent" value="{{.Consent.ID}}">
{{range .Consent.Scopes}}<label><input type="checkbox" name="scopes" value="{{.Scope}}"{{if .Ticked}} checked{{end}}> {{.Opens}} ({{.Scope}})</label>{{end}}
<button name="answer" value="allow">Allow</button><button name="answer" value="deny">Refuse</button></form>
{{with .Consent.Redirect}}<p>The answer goes to {{.}}</p>{{end}}{{end}}
{{define "device"}}{{template "head"}}<form method="get" action="/device"><label>The code that the device shows<input type="text" name="user_code" required></label><button>Go on</button></form>{{end}}
{{define "done"}}{{template "head"}}<p>Done. You can go back to the device.</p>{{end}}
{{define "failed"}}{{template "head"}}<p class="wrong">{{.Wrong}}</p>{{end}}`
