// ── colours: as the system, light, dark
const theme = document.querySelector('#theme')
const themeName = document.querySelector('#theme-name')
const themes = ['auto', 'light', 'dark']
const remembered = () => {
  try {
    return localStorage.getItem('depthgate-theme') ?? 'auto'
  } catch {
    return 'auto'
  }
}

function paint(name) {
  if (name === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = name
  themeName.textContent = name
}
theme.addEventListener('click', () => {
  const next = themes[(themes.indexOf(themeName.textContent) + 1) % themes.length]
  paint(next)
  try {
    localStorage.setItem('depthgate-theme', next)
  } catch {
    // a page from disk may have no storage; the choice then holds until it is closed
  }
})
paint(themes.includes(remembered()) ? remembered() : 'auto')
