const dark = matchMedia('(prefers-color-scheme: dark)')
const showMode = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', showMode)
showMode()

SwaggerUIBundle({
  dom_id: '#docs',
  url: '/openapi.json',
  deepLinking: true,
  docExpansion: 'list',
  tryItOutEnabled: true,
  // A token must not outlive the page, and so not land in localStorage.
  persistAuthorization: false,
  // The badge would send the document's address to swagger.io.
  validatorUrl: null,
})
