package org.pushauthenticator.app.screens

import android.content.Context
import android.content.Intent
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.EditText
import android.widget.TextView
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.launch
import org.pushauthenticator.Account
import org.pushauthenticator.UserPresence
import org.pushauthenticator.app.R

/** One account: its details, its name, and its removal, with the consequences shown first. */
class AccountActivity : Screen() {
    private val id get() = intent.getStringExtra(ACCOUNT).orEmpty()

    /** The fields hold the stored names; from here on they hold the user's edits. */
    private var named = false

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        fill(R.layout.account)
        named = state?.getBoolean(NAMED) == true
        requireViewById<Button>(R.id.save).setOnClickListener { save() }
        requireViewById<Button>(R.id.remove).setOnClickListener { askRemoval() }
        requireViewById<Button>(R.id.keep).setOnClickListener { offer(false) }
        requireViewById<Button>(R.id.remove_now).setOnClickListener { remove() }
    }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putBoolean(NAMED, named)
    }

    override fun begin() = whileShown { core ->
        notice(null)
        core.phone.accounts.map { accounts -> accounts.find { it.id == id } }.distinctUntilChanged().collect { account ->
            if (account == null) finish() else show(account)
        }
    }

    private fun show(account: Account) {
        heading(account.displayIssuer)
        requireViewById<TextView>(R.id.state).show(problem(account))
        val details = requireViewById<ViewGroup>(R.id.details)
        details.removeAllViews()
        details.field(R.string.issuer, account.issuer)
        details.field(R.string.account, account.account)
        details.field(R.string.host, account.host)
        details.field(R.string.kinds, kinds(account.kinds))
        details.field(R.string.policies, policies(account.policies))
        if (account.host != null) details.field(R.string.key, protection(account.key))
        if (account.host != null && account.key?.presence != UserPresence.BIOMETRIC) {
            details.field(R.string.biometric, getString(if (account.hasBiometricSlot) R.string.biometric_bound else R.string.biometric_unbound))
        }
        details.field(R.string.added, time(account.createdAt))
        if (!named) name(account)
    }

    private fun name(account: Account) {
        named = true
        requireViewById<EditText>(R.id.issuer).setText(account.displayIssuer)
        requireViewById<EditText>(R.id.name).setText(account.displayName)
    }

    private fun save() = withCore { core ->
        val issuer = requireViewById<EditText>(R.id.issuer).text.toString()
        val name = requireViewById<EditText>(R.id.name).text.toString()
        name(core.phone.call { rename(id, issuer, name) })
        notice(getString(R.string.saved))
    }

    private fun askRemoval() = withCore { core ->
        val removal = core.phone.call { removal(id) }
        requireViewById<TextView>(R.id.removal_title).text = getString(R.string.removal_title, removal.account, removal.issuer)
        val list = requireViewById<ViewGroup>(R.id.consequences)
        list.removeAllViews()
        removal.consequences.forEach { list.line(consequence(it.code)?.let(::getString) ?: it.explanation) }
        offer(true)
    }

    /** The core's own text is only in English. */
    private fun consequence(code: String): Int? = when (code) {
        "stays-registered" -> R.string.consequence_registered
        "may-be-registered" -> R.string.consequence_maybe_registered
        "registration-given-up" -> R.string.consequence_registration
        "codes-end" -> R.string.consequence_codes
        "answers-not-sent" -> R.string.consequence_answers
        "messages-unanswered" -> R.string.consequence_messages
        else -> null
    }

    private fun offer(offered: Boolean) {
        requireViewById<View>(R.id.removal).visibility = if (offered) View.VISIBLE else View.GONE
        requireViewById<View>(R.id.remove).visibility = if (offered) View.GONE else View.VISIBLE
    }

    private fun remove() = withCore { core ->
        core.phone.call { remove(id) }
        // Must not be cut short when this screen ends.
        app.scope.launch { app.accountKeys.tidy(core.phone) }
        finish()
    }

    companion object {
        private const val ACCOUNT = "account"
        private const val NAMED = "named"

        fun intent(context: Context, id: String): Intent = Intent(context, AccountActivity::class.java).putExtra(ACCOUNT, id)
    }
}
