from tradepost.app.cli import main

main()
