package org.pushauthenticator.app.screens

import android.os.Bundle
import android.view.View
import android.widget.Button
import android.widget.TextView
import org.pushauthenticator.Notification
import org.pushauthenticator.app.R

/** Sign-on requests that are over, newest first. */
class HistoryActivity : Screen() {
    /** How many entries are shown. */
    private var length = PAGE

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        fill(R.layout.list)
        length = state?.getInt(LENGTH) ?: PAGE
        requireViewById<Button>(R.id.more).setOnClickListener {
            length += PAGE
            begin()
        }
    }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putInt(LENGTH, length)
    }

    override fun begin() = whileShown { core ->
        // Fetches one more than is shown, to learn whether there are more.
        val settled = core.phone.call { history((length + 1).toUInt(), 0u) }
        rows.show(settled.take(length))
        requireViewById<View>(R.id.more).visibility = if (settled.size > length) View.VISIBLE else View.GONE
        requireViewById<TextView>(R.id.empty).show(if (settled.isEmpty()) getString(R.string.history_empty) else null)
    }

    private val rows by lazy { Rows(requireViewById(R.id.list), R.layout.list_row, Notification::id, ::bind) }

    private fun bind(row: View, request: Notification, isNew: Boolean) {
        if (!isNew) return
        row.requireViewById<TextView>(R.id.title).text = getString(R.string.history_row, getString(request.state.label), request.issuer)
        val from = request.context?.run { listOfNotNull(remoteIp, platform, location?.let { place(it) }) }.orEmpty().joinToString(", ")
        val account = getString(R.string.prompt_account, request.account, request.host)
        row.requireViewById<TextView>(R.id.text).text = listOfNotNull(request.message, account, from.ifEmpty { null }).joinToString("\n")
        row.requireViewById<TextView>(R.id.time).text = time(request.settledAt ?: request.receivedAt)
    }

    private companion object {
        const val PAGE = 50
        const val LENGTH = "length"
    }
}
