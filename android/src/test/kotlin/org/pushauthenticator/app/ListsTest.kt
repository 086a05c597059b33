package org.pushauthenticator.app

import android.view.View
import android.view.ViewGroup
import android.widget.EditText
import android.widget.TextView
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.app.screens.AccountActivity
import org.pushauthenticator.app.screens.AccountsActivity
import org.pushauthenticator.app.screens.HistoryActivity

/** What lists and an account's screen do when something changes while they are open. */
class ListsTest : AppTest() {
    private fun rows(screen: AccountsActivity, id: Int) = screen.requireViewById<ViewGroup>(id).run { (0 until childCount).map(::getChildAt) }

    @Test
    fun `a row stays under the finger when another request comes, and goes with its request`() {
        val server = LocalServer(this)
        server.push("n1", "default")
        val screen = open<AccountsActivity>()
        val row = await("a row") { rows(screen, R.id.requests).singleOrNull() }
        val second = server.push("n2", "default")
        awaitThat("another row") { rows(screen, R.id.requests).size == 2 }
        assertSame("the newest is on top", row, rows(screen, R.id.requests)[1])
        phone { deny(second.id) }
        awaitThat("one row") { rows(screen, R.id.requests).size == 1 }
        assertSame(row, rows(screen, R.id.requests).single())
    }

    @Test
    fun `a code that is shown stays when an account is added or renamed`() {
        val first = addCodes()
        val screen = open<AccountsActivity>()
        val row = await("a row of codes") { visible(screen.window.decorView).find { it.id == R.id.code_row } }
        row.performClick()
        screen.awaitText("left")
        val code = row.requireViewById<TextView>(R.id.code)
        val shown = code.text.toString()
        addCodes("Other")
        screen.awaitText("Other")
        phone { rename(first.id, "Work", null) }
        screen.awaitText("Work")
        assertTrue(code.isShown)
        assertEquals(shown, code.text.toString())
    }

    @Test
    fun `names that were typed stay when the screen comes back or is made anew, until they are saved`() {
        val account = addCodes()
        val first = open<AccountActivity>(AccountActivity.intent(app, account.id))
        first.awaitText("Shows codes")
        first.requireViewById<EditText>(R.id.issuer).setText("Work")
        returned(first)
        // When another change that the screen follows has arrived, what it reads on return has arrived too.
        phone { rename(account.id, null, "bob") }
        awaitThat("another turn") { app.service<android.app.NotificationManager>().activeNotifications.isEmpty() }
        assertEquals("Work", first.requireViewById<EditText>(R.id.issuer).text.toString())
        val screen = again(first)
        screen.awaitText("Shows codes")
        assertEquals("Work", screen.requireViewById<EditText>(R.id.issuer).text.toString())
        screen.requireViewById<EditText>(R.id.issuer).setText("")
        screen.tap(R.id.save)
        awaitThat("the registered name") { screen.requireViewById<EditText>(R.id.issuer).text.toString() == "Example" }
        screen.awaitText("Saved.")
    }

    @Test
    fun `an account's screen follows what becomes of the account`() {
        val server = LocalServer(this)
        val screen = open<AccountActivity>(AccountActivity.intent(app, server.account.id))
        screen.awaitText("Requests that ask for it can be approved")
        phone { biometricInvalidated(server.account.id) }
        screen.awaitText("Requests that ask for it can only be denied")
        phone { remove(server.account.id) }
        awaitThat("the end") { screen.isFinishing }
    }

    @Test
    fun `the history goes back to its first entry, and names account, host and origin`() {
        val server = LocalServer(this)
        repeat(53) { phone { deny(server.push("n$it", "default").id) } }
        server.settleAll()
        val screen = open<HistoryActivity>()
        screen.awaitText("Denied: Ping")
        screen.awaitText("demo at ${LocalServer.HOST.substringBefore(':')}")
        screen.awaitText("203.0.113.7, Linux x86_64, 47.370° north")
        val list = screen.requireViewById<ViewGroup>(R.id.list)
        assertEquals(50, list.childCount)
        screen.tap(R.id.more)
        awaitThat("the rest") { list.childCount == 53 }
        assertFalse(screen.requireViewById<View>(R.id.more).isShown)
        val second = again(screen)
        awaitThat("as long as before") { second.requireViewById<ViewGroup>(R.id.list).childCount == 53 }
    }
}
