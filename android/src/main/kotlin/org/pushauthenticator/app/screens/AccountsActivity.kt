package org.pushauthenticator.app.screens

import android.Manifest
import android.content.Intent
import android.content.pm.PackageManager
import android.graphics.Color
import android.os.Build
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import kotlinx.coroutines.flow.combine
import org.pushauthenticator.Account
import org.pushauthenticator.CredentialKind
import org.pushauthenticator.Notification
import org.pushauthenticator.app.R

/** The start screen: pending sign-on requests, and all accounts with their one-time passwords. */
class AccountsActivity : Screen() {
    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        fill(R.layout.accounts)
        action(R.drawable.history, R.string.history_title, R.id.history, HistoryActivity::class.java)
        action(R.drawable.settings, R.string.settings_title, R.id.settings, SettingsActivity::class.java)
        requireViewById<Button>(R.id.silent_settings).setOnClickListener { startActivity(notificationSettings(this)) }
        requireViewById<Button>(R.id.scan).setOnClickListener { startActivity(Intent(this, ScanActivity::class.java)) }
        requireViewById<Button>(R.id.enter).setOnClickListener { startActivity(Intent(this, EntryActivity::class.java)) }
    }

    override fun begin() = whileShown { core ->
        notice(null)
        combine(core.phone.accounts, core.phone.notifications, ::Pair).collect { (accounts, requests) ->
            show(accounts)
            requestRows.show(requests)
        }
    }

    private val accountRows by lazy { Rows<Account>(requireViewById(R.id.accounts), R.layout.account_row, { "${it.id} ${it.kinds}" }, ::bind) }
    private val requestRows by lazy { Rows(requireViewById(R.id.requests), R.layout.request_row, Notification::id, ::bind) }

    private fun show(accounts: List<Account>) {
        accountRows.show(accounts)
        requireViewById<View>(R.id.empty).visibility = if (accounts.isEmpty()) View.VISIBLE else View.GONE
        val answers = accounts.any { CredentialKind.PUSH in it.kinds }
        if (answers) mayNotify()
        requireViewById<View>(R.id.silent).visibility = if (answers && !app.notices.areShown) View.VISIBLE else View.GONE
    }

    private fun bind(row: View, account: Account, isNew: Boolean) {
        row.requireViewById<TextView>(R.id.initial).run {
            text = account.displayIssuer.take(1).uppercase()
            account.colour?.let { tint(this, Color.parseColor("#$it")) }
        }
        row.requireViewById<TextView>(R.id.issuer).show(account.displayIssuer)
        row.requireViewById<TextView>(R.id.name).show(account.displayName)
        row.requireViewById<TextView>(R.id.state).show(problem(account))
        row.requireViewById<View>(R.id.open).setOnClickListener { startActivity(AccountActivity.intent(this, account.id)) }
        // A visible one-time password stays when something else about its account changes.
        if (!isNew) return
        val codes = account.kinds.firstOrNull { it != CredentialKind.PUSH } ?: return
        val name = getString(R.string.prompt_account, account.displayName, account.displayIssuer)
        CodeView(row, name, counts = codes == CredentialKind.HOTP).onAsked { shown ->
            whileShown { core -> shown.run { core.phone.call { code(account.id) } } }
        }
    }

    /** Applies the account's color, with text that is readable on it. */
    private fun tint(view: TextView, colour: Int) {
        view.background.mutate().setTint(colour)
        view.setTextColor(if (Color.luminance(colour) > BRIGHT) Color.BLACK else Color.WHITE)
    }

    private fun bind(row: View, request: Notification, isNew: Boolean) {
        row.requireViewById<TextView>(R.id.title).text = getString(R.string.notice_title, request.issuer)
        row.requireViewById<TextView>(R.id.text).show(request.message ?: request.account)
        if (isNew) row.setOnClickListener { startActivity(RequestActivity.intent(this, request.id)) }
    }

    private var asked = false

    private fun mayNotify() {
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.TIRAMISU || asked) return
        if (checkSelfPermission(Manifest.permission.POST_NOTIFICATIONS) == PackageManager.PERMISSION_GRANTED) return
        asked = true
        requestPermissions(arrayOf(Manifest.permission.POST_NOTIFICATIONS), 0)
    }

    override fun onStop() {
        // One-time passwords must not be visible to the next person who picks up the phone.
        accountRows.clear()
        super.onStop()
    }

    private companion object {
        const val BRIGHT = 0.4f
    }
}
