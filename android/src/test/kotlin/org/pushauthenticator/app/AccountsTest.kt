package org.pushauthenticator.app

import org.junit.Assert.assertEquals
import org.junit.Test
import org.pushauthenticator.app.screens.AccountsActivity

class AccountsTest : AppTest() {
    @Test
    fun `accounts of the real core are listed`() {
        addCodes()
        val screen = open<AccountsActivity>()
        screen.awaitText("alice@example.com")
        assertEquals(1, screen.texts().count { it == "Example" })
    }
}
